//! The one place that chooses between std and loom.
//!
//! What tasks share is built from these names, so under `--cfg loom` the models in `tests/loom` run this very code
//! through every interleaving.

#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, atomic};

#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, atomic};

/// Locks `mutex`, poisoned or not: our critical sections leave no half-done state behind.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}
