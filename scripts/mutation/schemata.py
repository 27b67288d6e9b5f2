"""Puts all mutants of a source file into it at once, each behind `crate::mutant(NUMBER)`.

In what is written, `/*<N*/` and `/*N>*/` enclose what is there for mutant N alone, so that an error of the
compiler can be laid to it.
"""

import re

import tree_sitter
import tree_sitter_rust

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))

# The node that a mutant of each genre changes.
PLACES = {
    "FnValue": {"function_item"},
    "BinaryOperator": {"binary_expression", "compound_assignment_expr"},
    "UnaryOperator": {"unary_expression"},
    "MatchArm": {"match_arm"},
    "MatchArmGuard": {"match_arm"},
    "StructField": {"field_initializer", "shorthand_field_initializer"},
}


class Unplaced(Exception):
    """The mutant has no place that this program knows."""


def offset(source, place):
    """Lines and columns count from 1, columns in characters."""
    lines = source.splitlines(keepends=True)
    before = "".join(lines[: place["line"] - 1]) + lines[place["line"] - 1][: place["column"] - 1]
    return len(before.encode())


def place(tree, source, mutant):
    if mutant["genre"] == "FnValue" and "impl " in mutant["function"]["return_type"]:
        # Both returns would have to be of one type.
        raise Unplaced
    start = offset(source, mutant["span"]["start"])
    node = tree.root_node.descendant_for_byte_range(start, start + 1)
    kinds = PLACES[mutant["genre"]]
    if mutant["genre"] in {"BinaryOperator", "UnaryOperator"}:
        # The operator itself; in a chain of `let` conditions it is no operator to the parser.
        node = node.parent
        if node.type not in kinds:
            raise Unplaced
    while node.type not in kinds:
        node = node.parent
        if node is None:
            raise Unplaced
    # Body and guard are where the change goes in.
    wanted = {"FnValue": "body", "MatchArm": "pattern", "MatchArmGuard": "pattern"}.get(mutant["genre"])
    return node.child_by_field_name(wanted) if wanted else node


def enclosed(number, text):
    return f"/*<{number}*/{text}/*{number}>*/"


class File:
    def __init__(self, source, mutants):
        """The mutants: those of this file, by number."""
        self.source = source
        self.bytes = source.encode()
        self.mutants = {}
        self.unplaced = []
        tree = PARSER.parse(self.bytes)
        for number, mutant in mutants.items():
            try:
                node = place(tree, source, mutant)
                self.mutants.setdefault(node.id, []).append((number, mutant))
            except Unplaced:
                self.unplaced.append(number)
        self.tree = tree

    def text(self, start, end):
        return self.bytes[start:end].decode()

    def original(self, node):
        return self.text(node.start_byte, node.end_byte)

    def switched(self):
        return self.text(0, self.tree.root_node.start_byte) + self.render(self.tree.root_node)

    def render(self, node):
        mutants = self.mutants.get(node.id, [])
        if node.type == "match_pattern" and mutants:
            return self.guarded(node, mutants)
        text = self.inside(node)
        return getattr(self, node.type)(node, text, mutants) if mutants else text

    def inside(self, node):
        """The node with the mutants of its parts."""
        pieces, at = [], node.start_byte
        for child in node.children:
            pieces += [self.text(at, child.start_byte), self.render(child)]
            at = child.end_byte
        return "".join(pieces) + self.text(at, node.end_byte)

    def block(self, _, text, mutants):
        """The body of a function."""
        returns = (
            enclosed(number, f" if crate::mutant({number}) {{ return {mutant['replacement']}; }} ")
            for number, mutant in mutants
        )
        return "{" + "".join(returns) + text[1:]

    def chosen(self, text, alternatives):
        """Only one mutant is ever at work: the alternatives hold the original parts."""
        branches = (
            enclosed(number, f"if crate::mutant({number}) {{ {alternative} }} else ")
            for number, alternative in alternatives
        )
        return f"({''.join(branches)}{{ {text} }})"

    def binary_expression(self, node, text, mutants):
        left, right = (self.original(node.child_by_field_name(side)) for side in ("left", "right"))
        return self.chosen(
            text, [(number, f"({left}) {mutant['replacement']} ({right})") for number, mutant in mutants]
        )

    def compound_assignment_expr(self, node, text, mutants):
        left, right = (self.original(node.child_by_field_name(side)) for side in ("left", "right"))
        return self.chosen(
            text, [(number, f"{left} {mutant['replacement']} ({right})") for number, mutant in mutants]
        )

    def unary_expression(self, node, text, mutants):
        return self.chosen(text, [(number, self.original(node.children[1])) for number, _ in mutants])

    def guarded(self, node, mutants):
        """A deleted arm is one whose guard says no."""
        condition = node.child_by_field_name("condition")
        guard = self.render(condition) if condition else "true"
        end = next((child.start_byte for child in node.children if child.type == "if"), node.end_byte)
        for number, mutant in mutants:
            if mutant["replacement"] == "true":
                guard = enclosed(number, f"crate::mutant({number}) ||") + f" ({guard})"
            else:
                guard = enclosed(number, f"!crate::mutant({number}) &&") + f" ({guard})"
        return f"{self.text(node.start_byte, end)} if {guard}"

    def field_initializer(self, node, text, mutants):
        """A deleted field has the value of the base that stands after `..`."""
        field = self.original(node.children[0])
        value = text.partition(":")[2] or field
        base = next(child for child in node.parent.children if child.type == "base_field_initializer")
        base = self.original(base.children[1])
        return f"{field}: " + self.chosen(value, [(number, f"({base}).{field}") for number, _ in mutants])

    shorthand_field_initializer = field_initializer


def innermost(text, start, end):
    """The mutant whose own text holds this stretch, in bytes, or None."""
    found = []
    raw = text.encode()
    for opening in re.finditer(rb"/\*<(\d+)\*/", raw):
        closing = raw.find(b"/*%s>*/" % opening[1], opening.end())
        if opening.start() <= start and end <= closing:
            found.append((closing - opening.start(), int(opening[1])))
    return min(found)[1] if found else None


def arms(text, start, end):
    """The mutants in the arms of the `match` over the value that stands at this stretch, in bytes."""
    node = PARSER.parse(text.encode()).root_node.descendant_for_byte_range(start, end)
    while node is not None and node.type != "match_expression":
        node = node.parent
    if node is None:
        return set()
    all_arms = [arm for arm in node.child_by_field_name("body").children if arm.type == "match_arm"]
    patterns = [arm.child_by_field_name("pattern").text for arm in all_arms]
    return {int(number) for pattern in patterns for number in re.findall(rb"/\*<(\d+)\*/!", pattern)}
