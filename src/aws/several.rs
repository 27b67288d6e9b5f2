//! Several calls at once: how many are under way, in all and in each account, and whose turn is next.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::client::Aws;
use crate::model::AccountId;
use crate::ports::{CloudError, Take};

/// How many calls may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtOnce {
    /// In all.
    pub all: usize,
    /// In one account.
    pub account: usize,
}

impl Default for AtOnce {
    fn default() -> Self {
        Self { all: 8, account: 4 }
    }
}

/// The calls of one account.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<usize>,
    running: usize,
}

/// The calls that are still to be begun.
struct Queue<'a> {
    lanes: BTreeMap<&'a AccountId, Lane>,
    accounts: Vec<&'a AccountId>,
    running: usize,
    most: AtOnce,
}

impl<'a> Queue<'a> {
    fn new(accounts: Vec<&'a AccountId>, most: AtOnce) -> Self {
        let mut lanes: BTreeMap<_, Lane> = BTreeMap::new();
        for (at, account) in accounts.iter().enumerate() {
            lanes.entry(*account).or_default().waiting.push_back(at);
        }
        Self {
            lanes,
            accounts,
            running: 0,
            most,
        }
    }

    /// The next call to begin, if there may be one more: that of the account that has the fewest under way.
    fn next(&mut self) -> Option<usize> {
        if self.running >= self.most.all.max(1) {
            return None;
        }
        let room = self.most.account.max(1);
        let ready = |lane: &&mut Lane| lane.running < room && !lane.waiting.is_empty();
        let lanes = self.lanes.values_mut().filter(ready);
        let lane = lanes.min_by_key(|lane| lane.running)?;
        let at = lane.waiting.pop_front()?;
        lane.running += 1;
        self.running += 1;
        Some(at)
    }

    fn ended(&mut self, at: usize) {
        let account = self.accounts.get(at);
        if let Some(lane) = account.and_then(|account| self.lanes.get_mut(account)) {
            lane.running -= 1;
            self.running -= 1;
        }
    }

    fn stop(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.waiting.clear();
        }
    }
}

impl Aws {
    /// Does one call for each of these accounts, several at once, and has each answer taken as it comes.
    pub(super) fn several<T, F>(
        &self,
        accounts: Vec<&AccountId>,
        call: impl Fn(usize) -> F,
        take: Take<'_, T>,
    ) where
        F: Future<Output = Result<T, CloudError>>,
    {
        let mut queue = Queue::new(accounts, self.at_once);
        let mut running = FuturesUnordered::new();
        let all = async {
            loop {
                while let Some(at) = queue.next() {
                    let call = call(at);
                    running.push(async move { (at, call.await) });
                }
                let Some((at, answer)) = running.next().await else {
                    return;
                };
                queue.ended(at);
                if take(at, answer).is_break() {
                    queue.stop();
                }
            }
        };
        self.run(all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(nth: usize) -> AccountId {
        format!("{nth:012}").parse().expect("an account")
    }

    #[test]
    fn the_accounts_take_turns_and_none_has_more_than_its_share() {
        let (one, two, three) = (account(1), account(2), account(3));
        let accounts = vec![&one, &one, &one, &one, &one, &two, &three];
        let mut queue = Queue::new(accounts, AtOnce { all: 5, account: 2 });
        let begun: Vec<usize> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(begun, [0, 5, 6, 1]);
        queue.ended(5);
        assert_eq!(queue.next(), None, "the one account has its share");
        queue.ended(0);
        assert_eq!(queue.next(), Some(2));
        queue.stop();
        queue.ended(1);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn there_are_never_more_than_may_be() {
        let accounts: Vec<AccountId> = (0..20).map(account).collect();
        let mut queue = Queue::new(accounts.iter().collect(), AtOnce { all: 3, account: 4 });
        assert_eq!(std::iter::from_fn(|| queue.next()).count(), 3);
    }
}
