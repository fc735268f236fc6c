//! Many runs at once, with progress on stderr when it takes longer.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Does all jobs, as many at once as the machine has cores, and answers in the order of the jobs.
///
/// Jobs share nothing, so the answers do not depend on how many run at once.
pub(crate) fn in_parallel<J: Sync, R: Send, N: Display>(
    jobs: &[J],
    name: impl Fn(&J) -> N + Sync,
    work: impl Fn(&J) -> R + Sync,
) -> Vec<R> {
    // indicatif draws on a terminal only, and not for what is over at once.
    let bar = ProgressBar::with_draw_target(Some(jobs.len() as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:20} {pos}/{len} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let n_workers = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(jobs.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..n_workers {
            scope.spawn(|| {
                while let Some((index, job)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(index).map(|job| (index, job))
                } {
                    if bar.elapsed() > Duration::from_millis(500) {
                        bar.set_message(name(job).to_string());
                    }
                    let result = work(job);
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|result| result.expect("every job was done, or its panic came through")).collect()
}
