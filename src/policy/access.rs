//! What takes a quorum of several roles: an opening, or a change of the manifest.

use super::panel::{Held, Losses, Panel};
use crate::format::Manifest;
use crate::model::{Name, Presence, Role};

/// The roles that something takes, each with who can contribute. Roles of which nobody is needed are left
/// out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access(Vec<Panel>);

/// Whether a touch is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// Whichever tokens are used.
    Always,
    /// It depends on who comes, and with which token.
    Sometimes,
    /// By no token there is.
    Never,
}

/// One combination of people without any of whom it would not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// Who, in which role.
    pub people: Vec<(Role, Name)>,
    /// Whether they prove a touch.
    pub touch: Touch,
}

impl Access {
    /// What opens a generation that was sealed under this manifest, for whoever holds its tokens and a copy
    /// of the vault. Tokens that were retired since are among them: it stays sealed to them.
    pub fn opening(sealed: &Manifest) -> Self {
        Self::of(Role::OPENING.map(|role| Panel::of(sealed, role)))
    }

    /// What breakglass takes for that, where `now` is in force (`Ceremony::candidates`): a token is still
    /// enrolled, as the same person's and in the same role.
    pub fn ceremony(sealed: &Manifest, now: &Manifest) -> Self {
        Self::of(Role::OPENING.map(|role| {
            Panel::of(sealed, role).keeping(|name, id| {
                now.token(id)
                    .is_some_and(|(owner, _)| owner.name == *name && owner.role == role)
            })
        }))
    }

    /// What signs the manifest that follows this one (`Chain::extend`).
    pub fn changing(manifest: &Manifest) -> Self {
        Self::of(Role::ALL.map(|role| Panel::of(manifest, role)))
    }

    fn of(panels: impl IntoIterator<Item = Panel>) -> Self {
        let needed = panels.into_iter().filter(|panel| panel.threshold > 0);
        Self(needed.collect())
    }

    /// Each role that it takes.
    pub fn panels(&self) -> &[Panel] {
        &self.0
    }

    /// Whether there are enough people of each role.
    pub fn is_possible(&self) -> bool {
        self.0.iter().all(Panel::is_met)
    }

    /// How many people it takes: each has one role.
    pub fn least_people(&self) -> usize {
        self.0.iter().map(|panel| panel.threshold).sum()
    }

    /// How many may be lost, of all roles together, until it is impossible; nothing where it is.
    pub fn losses(&self) -> Option<Losses> {
        let each: Option<Vec<Losses>> = self.0.iter().map(Panel::losses).collect();
        each?.into_iter().reduce(Losses::least)
    }

    /// The people whose loss alone makes it impossible.
    pub fn fatal_people(&self) -> Vec<&Name> {
        let each = self.0.iter().flat_map(Panel::fatal_people);
        each.map(|member| &member.name).collect()
    }

    /// The tokens whose loss alone makes it impossible.
    pub fn fatal_tokens(&self) -> Vec<(&Name, &Held)> {
        self.0.iter().flat_map(Panel::fatal_tokens).collect()
    }

    /// How many combinations of people there are; nothing where they are more than 64 bits can count.
    pub fn count(&self) -> Option<u64> {
        let mut product: u128 = 1;
        for panel in &self.0 {
            product = product.checked_mul(binomial(panel.members.len(), panel.threshold)?)?;
        }
        product.try_into().ok()
    }

    /// The first combinations, at most so many, in the order of the manifest.
    pub fn quorums(&self, most: usize) -> Vec<Quorum> {
        let mut found: Vec<Vec<(Role, usize)>> = vec![Vec::new()];
        for panel in &self.0 {
            let choices = choose(panel.members.len(), panel.threshold, most);
            let longer = found.iter().flat_map(|before| {
                choices.iter().map(move |choice| {
                    let more = choice.iter().map(|&at| (panel.role, at));
                    before.iter().copied().chain(more).collect()
                })
            });
            found = longer.take(most).collect();
        }
        found.into_iter().map(|one| self.quorum(&one)).collect()
    }

    fn quorum(&self, chosen: &[(Role, usize)]) -> Quorum {
        let members = chosen.iter().filter_map(|(role, at)| {
            let panel = self.0.iter().find(|panel| panel.role == *role)?;
            Some((*role, panel.members.get(*at)?))
        });
        let members: Vec<_> = members.collect();
        let sure = members.iter().any(|(_, m)| m.tokens.iter().all(touches));
        let some = members.iter().any(|(_, m)| m.tokens.iter().any(touches));
        Quorum {
            people: members.iter().map(|(r, m)| (*r, m.name.clone())).collect(),
            touch: touch(sure, some),
        }
    }

    /// Whether a touch is proved, over all combinations.
    pub fn touch(&self) -> Touch {
        let needs_one = |panel: &Panel| {
            let without = panel
                .members
                .iter()
                .filter(|m| !m.tokens.iter().all(touches));
            without.count() < panel.threshold
        };
        let mut all = self.0.iter().flat_map(|panel| &panel.members);
        touch(
            self.0.iter().any(needs_one),
            all.any(|member| member.tokens.iter().any(touches)),
        )
    }
}

fn touches(token: &Held) -> bool {
    token.presence == Presence::Touch
}

fn touch(sure: bool, possible: bool) -> Touch {
    match (sure, possible) {
        (true, true) => Touch::Always,
        (_, true) => Touch::Sometimes,
        (_, false) => Touch::Never,
    }
}

/// How many ways there are to choose `k` of `n`.
fn binomial(n: usize, k: usize) -> Option<u128> {
    if k > n {
        return Some(0);
    }
    let mut count: u128 = 1;
    for step in 0..k.min(n - k) {
        // Exact at each step: the product of i + 1 numbers in a row is divisible by (i + 1)!.
        count = count.checked_mul((n - step) as u128)? / (step as u128 + 1);
    }
    Some(count)
}

/// The first `most` choices of `k` of the numbers below `n`, each in rising order.
fn choose(n: usize, k: usize, most: usize) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    if k > n {
        return found;
    }
    let mut choice: Vec<usize> = (0..k).collect();
    while found.len() < most {
        found.push(choice.clone());
        // The last number that can still rise does, and those behind it follow closely.
        let Some(at) = (0..k).rev().find(|&at| choice[at] < n - k + at) else {
            break;
        };
        choice[at] += 1;
        for behind in at + 1..k {
            choice[behind] = choice[behind - 1] + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_choose_are_counted_and_listed() {
        for n in 0..9 {
            for k in 0..=n + 1 {
                let all: Vec<usize> = (0..1_usize << n)
                    .filter(|set| set.count_ones() as usize == k)
                    .collect();
                assert_eq!(binomial(n, k), Some(all.len() as u128), "{k} of {n}");
                let mut listed: Vec<usize> = choose(n, k, usize::MAX)
                    .iter()
                    .map(|one| one.iter().map(|at| 1 << at).sum())
                    .collect();
                listed.sort_unstable();
                assert_eq!(listed, all, "{k} of {n}");
                assert_eq!(choose(n, k, 2).len(), all.len().min(2));
            }
        }
        assert_eq!(binomial(255, 2), Some(32_385));
        assert_eq!(binomial(255, 127), None);
    }
}
