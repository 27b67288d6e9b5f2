# For the scripts beside it, to be sourced by bash: messages, and what is missing on this machine.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root"

# A Rust from rustup that this shell has not heard of.
[ ! -d "$HOME/.cargo/bin" ] || PATH=$PATH:$HOME/.cargo/bin

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    say "$*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least 1.94.1 1.95.0: whether the second is not older than the first.
version_at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Dies with a sentence where Rust is missing or too old.
need_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! have cargo || ! found=$(rustc --version 2>/dev/null); then
        die "Rust is missing. Install $wanted or newer with rustup (https://rustup.rs), then run this again."
    fi
    found=$(cut -d ' ' -f 2 <<<"$found")
    version_at_least "$wanted" "${found%%-*}" ||
        die "Rust $found is too old: $wanted or newer is needed (rustup update stable)."
}

# As root: the command itself, or through sudo; sudo asks only where somebody can answer.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif ! have sudo; then
        die "root is needed, and there is no sudo. As root, run: $*"
    elif [ -t 0 ] && [ -z "${CI:-}" ]; then
        sudo -- "$@"
    else
        sudo -n -- "$@"
    fi
}
