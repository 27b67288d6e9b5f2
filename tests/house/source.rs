//! Reads a Rust file as far as the house's laws need it: its tokens, the paths it names and the length
//! of its functions. What only tests are made of is set aside.

/// One identifier, sign or plain string (in its quotes), and the line it stands on (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A path that the code names, with `crate`, `self` and `super` resolved.
#[derive(Debug, PartialEq, Eq)]
pub struct Path {
    /// Within our own crate, from its root; else as it is written.
    pub ours: bool,
    pub parts: Vec<String>,
    /// `name!`
    pub is_macro: bool,
    pub line: usize,
}

/// One file under `src/`.
pub struct Source {
    /// Where it stands in the crate: `["token", "pkcs11"]`; empty for the two roots.
    pub module: Vec<String>,
    /// All lines, tests and comments too.
    pub lines: usize,
    /// The tokens without `#[cfg(test)]` items.
    pub tokens: Vec<Token>,
    /// Where modules may stand that have files of their own and are for tests only.
    pub test_modules: Vec<Vec<String>>,
}

impl Source {
    pub fn read(module: &[&str], text: &str) -> Self {
        let module: Vec<String> = module.iter().map(|part| (*part).to_owned()).collect();
        let (tokens, hidden) = without_tests(tokens(text));
        let test_modules = hidden
            .into_iter()
            .flat_map(|name| places(&module, &name))
            .collect();
        Self {
            module,
            lines: text.lines().count(),
            tokens,
            test_modules,
        }
    }

    /// Every path of the file: `use` trees unfolded, inline paths, and names of macros.
    pub fn paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        let mut here = self.module.clone();
        let mut inline: Vec<usize> = Vec::new();
        let mut depth = 0;
        let mut at = 0;
        while at < self.tokens.len() {
            match self.text(at) {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        here.pop();
                    }
                }
                "mod" if self.text(at + 2) == "{" => {
                    inline.push(depth);
                    here.push(self.text(at + 1).to_owned());
                    at += 1;
                }
                "use" if self.text(at + 1) != "<" => {
                    at = self.use_tree(at + 1, &[], &here, &mut found);
                }
                word if is_word(word) && (at == 0 || self.text(at - 1) != ".") => {
                    at = self.inline_path(at, &here, &mut found);
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    /// Functions and how many lines each takes, from `fn` to its closing brace.
    pub fn functions(&self) -> Vec<(String, usize, usize)> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len() {
            if self.text(at) != "fn" || !is_word(self.text(at + 1)) {
                continue;
            }
            let Some(open) = (at..self.tokens.len())
                .find(|&i| matches!(self.text(i), "{" | ";"))
                .filter(|&i| self.text(i) == "{")
            else {
                continue;
            };
            let close = closing(&self.tokens, open);
            let (first, last) = (self.tokens[at].line, self.tokens[close].line);
            found.push((self.text(at + 1).to_owned(), first, last - first + 1));
        }
        found
    }

    /// The text of a token; nothing beyond the end.
    pub fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// Reads one branch of a `use` tree; gives back the position of its last token.
    fn use_tree(&self, from: usize, head: &[String], here: &[String], to: &mut Vec<Path>) -> usize {
        let mut parts = head.to_vec();
        let mut at = from;
        loop {
            match self.text(at) {
                "::" => {}
                "{" => loop {
                    match self.text(at + 1) {
                        "}" | "" => return at + 1,
                        "," => at += 1,
                        _ => at = self.use_tree(at + 1, &parts, here, to),
                    }
                },
                "as" => at += 1,
                word if is_word(word) || word == "*" => parts.push(word.to_owned()),
                _ => break,
            }
            at += 1;
        }
        if parts.len() > 1 && parts.last().is_some_and(|last| last == "self") {
            parts.pop();
        }
        to.extend(resolved(parts, here, false, self.tokens[at - 1].line));
        at - 1
    }

    /// Reads `a::b::c` or `name!`; gives back the position of its last token.
    fn inline_path(&self, from: usize, here: &[String], to: &mut Vec<Path>) -> usize {
        let mut parts = vec![self.text(from).to_owned()];
        let mut at = from;
        while self.text(at + 1) == "::" && is_word(self.text(at + 2)) {
            at += 2;
            parts.push(self.text(at).to_owned());
        }
        let is_macro = self.text(at + 1) == "!" && self.text(at + 2) != "=";
        if parts.len() > 1 || is_macro {
            to.extend(resolved(parts, here, is_macro, self.tokens[from].line));
        }
        at
    }
}

/// Resolves the head of a path as it is written in module `here`.
fn resolved(parts: Vec<String>, here: &[String], is_macro: bool, line: usize) -> Option<Path> {
    let mut base = match parts.first()?.as_str() {
        "crate" | "breakglass" => Vec::new(),
        "self" | "super" => here.to_vec(),
        _ => {
            return Some(Path {
                ours: false,
                parts,
                is_macro,
                line,
            });
        }
    };
    let mut rest = parts.as_slice();
    while let Some((head, tail)) = rest.split_first() {
        match head.as_str() {
            "super" => drop(base.pop()),
            "crate" | "breakglass" | "self" => {}
            _ => break,
        }
        rest = tail;
    }
    base.extend_from_slice(rest);
    Some(Path {
        ours: true,
        parts: base,
        is_macro,
        line,
    })
}

/// Where a module may stand that is named in `module`, by its name or by the file of a `#[path]`. Such a
/// file stands beside the one that names it: one storey higher, unless that is a `mod.rs`.
fn places(module: &[String], name: &str) -> Vec<Vec<String>> {
    let below = |folder: &[String], name: &str| [folder, &[name.to_owned()]].concat();
    match (name.strip_suffix(".rs"), module.split_last()) {
        (Some(file), Some((_, above))) => vec![below(module, file), below(above, file)],
        _ => vec![below(module, name)],
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The position of the brace or bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "[" | "(" => depth += 1,
            "}" | "]" | ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

/// Takes away every item under `#[cfg(test)]`; names the modules among them that are files.
fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, Vec<String>) {
    let is = |at: usize, wanted: &[&str]| {
        wanted
            .iter()
            .enumerate()
            .all(|(i, text)| tokens.get(at + i).is_some_and(|token| token.text == *text))
    };
    let (mut kept, mut hidden) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if !is(at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += 7;
        let mut file = None;
        while is(at, &["#", "["]) {
            if is(at + 2, &["path", "="]) {
                file = Some(tokens[at + 4].text.trim_matches('"').to_owned());
            }
            at = closing(&tokens, at + 1) + 1;
        }
        while at < tokens.len() && !matches!(tokens[at].text.as_str(), "{" | ";") {
            if is(at, &["mod"]) && is(at + 2, &[";"]) {
                hidden.push(file.take().unwrap_or_else(|| tokens[at + 1].text.clone()));
            }
            at += 1;
        }
        if is(at, &["{"]) {
            at = closing(&tokens, at);
        }
        at += 1;
    }
    (kept, hidden)
}

/// Splits code into words, signs and plain strings; comments and other literals fall away.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = next(&chars, at);
        let piece: String = chars[at..end].iter().collect();
        let literal = piece.ends_with(['"', '#', '\'']) && piece.len() > 1;
        if is_word(&piece) && !literal || is_sign(&piece) || piece.starts_with('"') {
            found.push(Token {
                text: piece.clone(),
                line,
            });
        }
        line += piece.matches('\n').count();
        at = end;
    }
    found
}

/// Something other than a blank, a comment or a literal.
fn is_sign(piece: &str) -> bool {
    piece == "::" || piece.len() == 1 && piece.starts_with(|c: char| c.is_ascii_punctuation())
}

/// Where the piece of code that begins at `at` ends.
fn next(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let starts = |text: &str| {
        text.chars()
            .enumerate()
            .all(|(i, c)| rest.get(i) == Some(&c))
    };
    let until = |stop: fn(char) -> bool| {
        rest.iter()
            .position(|&c| stop(c))
            .map_or(chars.len(), |n| at + n)
    };
    if starts("//") {
        return until(|c| c == '\n');
    }
    if starts("/*") {
        return after_block_comment(chars, at);
    }
    if let Some(end) = after_string(chars, at) {
        return end;
    }
    if rest[0] == '\'' {
        return after_quote(chars, at);
    }
    if rest[0].is_alphanumeric() || rest[0] == '_' {
        return until(|c| !c.is_alphanumeric() && c != '_');
    }
    at + if starts("::") { 2 } else { 1 }
}

fn after_block_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The end of a string literal of any kind that begins at `at`, if one does.
fn after_string(chars: &[char], at: usize) -> Option<usize> {
    let prefix = chars[at..]
        .iter()
        .take_while(|c| "bcr".contains(**c))
        .count();
    let raw = chars[at..at + prefix].contains(&'r');
    let hashes = if raw {
        chars[at + prefix..]
            .iter()
            .take_while(|&&c| c == '#')
            .count()
    } else {
        0
    };
    let mut end = at + prefix + hashes;
    if prefix > 2 || chars.get(end) != Some(&'"') {
        return None;
    }
    end += 1;
    while end < chars.len() {
        let closes = chars[end] == '"'
            && chars[end + 1..]
                .iter()
                .take(hashes)
                .filter(|&&c| c == '#')
                .count()
                == hashes;
        if closes {
            return Some(end + 1 + hashes);
        }
        end += if chars[end] == '\\' && !raw { 2 } else { 1 };
    }
    Some(chars.len())
}

/// The end of a character literal or of a lifetime.
fn after_quote(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => {
            let mut end = at + 3;
            while end < chars.len() && chars[end] != '\'' {
                end += 1;
            }
            (end + 1).min(chars.len())
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}
