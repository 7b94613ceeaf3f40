//! The same small work on many things, on all cores.

use crossbeam_channel::unbounded;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Things that a thread takes at a time.
const CHUNK: usize = 16;
/// Results of [`in_order`] that are held at a time.
const HELD_MAX: usize = 256;

/// `work` of every one of `items`, in their order. Each thread has a state of its own from
/// `state`; `done` is told now and then how many items are done.
pub fn map<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
    mut done: impl FnMut(usize),
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    let next = AtomicUsize::new(0);
    let mut chunks: Vec<(usize, Vec<R>)> = std::thread::scope(|scope| {
        let (sender, receiver) = unbounded();
        for _ in 0..threads.min(items.len().div_ceil(CHUNK)) {
            let (sender, next, state, work) = (sender.clone(), &next, &state, &work);
            scope.spawn(move || {
                let mut state = state();
                loop {
                    let start = next.fetch_add(CHUNK, Ordering::Relaxed);
                    let Some(rest) = items.get(start..).filter(|rest| !rest.is_empty()) else {
                        return;
                    };
                    let chunk = &rest[..CHUNK.min(rest.len())];
                    let results = chunk.iter().map(|item| work(&mut state, item)).collect();
                    if sender.send((start, results)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut count = 0;
        receiver
            .iter()
            .inspect(|(_, results): &(usize, Vec<R>)| {
                count += results.len();
                done(count);
            })
            .collect()
    });
    chunks.sort_by_key(|(start, _)| *start);
    chunks
        .into_iter()
        .flat_map(|(_, results)| results)
        .collect()
}

/// `work` of every one of `items`, in their order, a few hundred at a time, so that what it
/// yields (the text of a file) need not all be in memory. `take` gets it, and may end it all
/// by an error.
pub fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    for chunk in items.chunks(HELD_MAX) {
        let results = map(chunk, || (), |(), item| work(item), |_| {});
        for (item, result) in chunk.iter().zip(results) {
            take(item, result)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_all_are_counted() {
        let items: Vec<u32> = (0..1000).collect();
        let mut last = 0;
        let doubled = map(&items, || 2, |two, item| *two * item, |count| last = count);
        assert_eq!(doubled, items.iter().map(|i| 2 * i).collect::<Vec<_>>());
        assert_eq!(last, 1000);
        assert!(map(&[] as &[u32], || (), |(), i| *i, |_| {}).is_empty());
        let mut taken = Vec::new();
        let take = |item: &u32, half: u32| {
            taken.push(half);
            if *item == 600 { Err("enough") } else { Ok(()) }
        };
        assert_eq!(in_order(&items, |item| item / 2, take), Err("enough"));
        assert_eq!(taken, (0..=600).map(|i| i / 2).collect::<Vec<_>>());
    }
}
