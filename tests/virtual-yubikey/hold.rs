//! Another program that uses a card: holds it until its standard input ends, and resets it then.

use std::io::{Read, stdin};

use pcsc::{Card, Context, Disposition, Protocols, Scope, ShareMode};

use crate::Fallible;

/// Holds the card in the n-th reader, `exclusive`ly or in a `transaction`. Says `held` once it does.
pub fn hold(reader: usize, how: &str) -> Fallible<()> {
    let context = Context::establish(Scope::User)?;
    let readers = context.list_readers_owned()?;
    let reader = readers.get(reader).ok_or("there is no such reader")?;
    let mode = match how {
        "exclusive" => ShareMode::Exclusive,
        "transaction" => ShareMode::Shared,
        other => return Err(format!("{other}: exclusive or transaction").into()),
    };
    let mut card: Card = context.connect(reader, mode, Protocols::ANY)?;
    if how == "transaction" {
        std::mem::forget(card.transaction()?);
    }
    println!("held");
    stdin().read_to_end(&mut Vec::new())?;
    card.disconnect(Disposition::ResetCard)
        .map_err(|(_, error)| error)?;
    Ok(())
}
