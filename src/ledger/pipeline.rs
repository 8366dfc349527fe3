//! Work on a long sequence by several threads: pieces are made by one, worked on by several, and taken in their order by the caller.

use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;
use std::thread::{self, Builder};

/// Makes pieces with `make`, works on them with `work` on several threads, and shows the results to `take` in the order of the pieces.
///
/// `make` runs on a thread of its own and hands on each piece to the function it is given, which says when no more are wanted; `take` runs
/// on this one and may break off. At most a few pieces for each thread are under way, so memory is bounded by their size. Returns what
/// `make` returned.
///
/// # Errors
/// A thread cannot be started; nothing has been taken then.
pub(super) fn in_order<T: Send, U: Send, R: Send>(
    make: impl FnOnce(&mut dyn FnMut(T) -> ControlFlow<()>) -> R + Send,
    work: impl Fn(T) -> U + Sync,
    take: impl FnMut(U) -> ControlFlow<()>,
) -> io::Result<R> {
    let lanes = thread::available_parallelism().map_or(1, usize::from).min(LANES_MAX);
    let work = &work;
    thread::scope(|scope| {
        let mut ways_in = Vec::with_capacity(lanes);
        let mut ways_out = Vec::with_capacity(lanes);
        for _ in 0..lanes {
            let (way_in, pieces) = sync_channel::<T>(PIECES_WAITING);
            let (results, way_out) = sync_channel::<U>(PIECES_WAITING);
            Builder::new().name("lane".into()).spawn_scoped(scope, move || {
                // Nobody to send to is an order to end, here and in all that follow.
                pieces.into_iter().map(work).try_for_each(|result| results.send(result)).ok()
            })?;
            ways_in.push(way_in);
            ways_out.push(way_out);
        }
        let making = Builder::new().name("maker".into()).spawn_scoped(scope, move || {
            let mut lanes = ways_in.iter().cycle();
            make(&mut |piece| match lanes.next().map(|lane| lane.send(piece)) {
                Some(Ok(())) => ControlFlow::Continue(()),
                Some(Err(_)) | None => ControlFlow::Break(()),
            })
        })?;
        // Pieces go round the lanes, so the first lane that has no more is where they end. Whether that or a break ends the taking is all
        // the same: both close the ways out, and neither lanes nor maker wait for anything any longer.
        let mut results = ways_out.iter().cycle().map_while(|way_out| way_out.recv().ok());
        let _taken = results.try_for_each(take);
        drop(results);
        drop(ways_out);
        match making.join() {
            Ok(made) => Ok(made),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Enough that a lane is rarely idle while another is slow.
const PIECES_WAITING: usize = 2;

/// More threads than this would wait for those who make and take.
const LANES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use crate::ledger::pipeline::in_order;

    #[test]
    fn results_come_in_the_order_of_their_pieces_however_long_each_takes() {
        let mut taken = Vec::new();
        let made = in_order(
            |send| (0..1000_u64).take_while(|piece| send(*piece).is_continue()).count(),
            |piece| (0..piece * 7919 % 500).fold(piece, |piece, _| std::hint::black_box(piece)),
            |result| {
                taken.push(result);
                ControlFlow::Continue(())
            },
        );
        assert_eq!(made.unwrap(), 1000);
        assert!(taken.iter().copied().eq(0..1000));
    }

    #[test]
    fn whoever_breaks_off_stops_the_making() {
        let mut taken = 0;
        let made = in_order(
            |send| (0..u64::MAX).take_while(|piece| send(*piece).is_continue()).count(),
            |piece| piece,
            |_| {
                taken += 1;
                if taken == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        assert_eq!(taken, 5);
        assert!(made.unwrap() < 1000);
    }
}
