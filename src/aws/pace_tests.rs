//! The pace against a server that throttles, on a clock of its own: nothing here takes time.

use super::Pace;

/// A token bucket: so many calls a second, and so many at once. What is throttled takes no token.
struct Bucket {
    rate: f64,
    most: f64,
    tokens: f64,
    then: f64,
}

impl Bucket {
    fn new(rate: f64, most: f64) -> Self {
        Self {
            rate,
            most,
            tokens: most,
            then: 0.0,
        }
    }

    fn takes(&mut self, now: f64) -> bool {
        self.tokens = (self.tokens + (now - self.then) * self.rate).min(self.most);
        self.then = now;
        let taken = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(taken));
        taken
    }
}

/// Does so many calls with some workers, each of whom waits for his answer, and sends again what was throttled.
/// Returns the seconds that it took and how many calls were throttled.
fn run(calls: u32, workers: usize, latency: f64, bucket: &mut Bucket) -> (f64, u32) {
    let mut pace = Pace::default();
    // Of each worker, when he sends and when he has the answer to what he sent.
    let mut next: Vec<(f64, Option<f64>)> = vec![(0.0, None); workers];
    let (mut left, mut throttled, mut end) = (calls, 0, 0.0);
    while left > 0 {
        let at = (0..workers).min_by(|a, b| next[*a].0.total_cmp(&next[*b].0));
        let at = at.expect("there are workers");
        let (now, sent) = next[at];
        let Some(sent) = sent else {
            next[at] = (now + latency, Some(now));
            continue;
        };
        // The server decided half way.
        if bucket.takes(now - latency / 2.0) {
            pace.answered(now);
            left -= 1;
            end = now;
        } else {
            pace.throttled(now, sent);
            throttled += 1;
        }
        next[at] = (now + pace.wait(now), None);
    }
    (end, throttled)
}

#[test]
fn against_a_server_that_throttles_little_time_is_lost_and_little_is_asked_in_vain() {
    const CALLS: u32 = 1000;
    for rate in [2.0, 5.0, 15.0, 50.0, 200.0] {
        for most in [3.0, 10.0, 50.0] {
            for (workers, latency) in [(1, 0.03), (4, 0.005), (8, 0.005), (8, 0.03), (8, 0.1)] {
                // What the workers alone are slower than is not throttled, and a burst of three is less than
                // what is under way at this rate.
                if rate > f64::from(workers) / latency * 0.5 || rate * 0.005 >= 1.0 && most < 10.0 {
                    continue;
                }
                let mut bucket = Bucket::new(rate, most);
                let (took, throttled) = run(CALLS, workers as usize, latency, &mut bucket);
                let least = f64::from(CALLS) / rate;
                let what = format!(
                    "{rate}/s, {most} at once, {workers} workers, {latency} s: {took:.1} of {least:.1} s, \
                     {throttled} throttled"
                );
                assert!(took <= 1.05 * least, "{what}");
                let in_vain = if rate < 10.0 {
                    CALLS / 2
                } else {
                    CALLS * 3 / 10
                };
                assert!(throttled <= in_vain, "{what}");
            }
        }
    }
}

#[test]
fn nothing_waits_before_anything_was_throttled() {
    let mut pace = Pace::default();
    for at in 0..1000 {
        assert_eq!(pace.wait(f64::from(at) / 1000.0), 0.0);
        pace.answered(f64::from(at) / 1000.0);
    }
    let (took, throttled) = run(1000, 4, 0.01, &mut Bucket::new(1e9, 1e9));
    assert_eq!(throttled, 0);
    assert!(took < 1000.0 / 4.0 * 0.01 + 0.1, "{took}");
}

#[test]
fn a_server_that_becomes_slower_or_faster_is_followed() {
    let mut bucket = Bucket::new(100.0, 10.0);
    let (quick, _) = run(1000, 8, 0.01, &mut bucket);
    assert!(quick < 11.0, "{quick}");
    let mut pace = Pace::default();
    let mut now = 0.0;
    // One after the other: first 50 a second, then 5, then 50 again.
    for (rate, calls, most) in [(50.0, 500, 12.0), (5.0, 100, 24.0), (50.0, 2000, 50.0)] {
        let (mut bucket, begun, mut left) = (Bucket::new(rate, 5.0), now, calls);
        bucket.then = now;
        while left > 0 {
            now += pace.wait(now);
            let sent = now;
            now += 0.001;
            if bucket.takes(now) {
                pace.answered(now);
                left -= 1;
            } else {
                pace.throttled(now, sent);
            }
        }
        assert!(now - begun < most, "{rate}: {} s", now - begun);
    }
}

#[test]
fn what_was_on_its_way_when_the_rate_was_cut_cuts_nothing() {
    let mut pace = Pace::default();
    for at in 0..100 {
        pace.answered(f64::from(at) / 100.0);
    }
    pace.throttled(1.0, 0.99);
    let once = pace.rate;
    for _ in 0..7 {
        pace.throttled(1.01, 0.995);
    }
    assert_eq!(pace.rate, once);
    pace.throttled(1.1, 1.05);
    assert!(pace.rate < once);
}
