//! The wish that a run ends.

use std::time::Duration;

use futures_util::future::select_all;
use tokio::sync::watch;

/// The wish that a run ends: of the program, or of whoever runs a part of it.
#[derive(Clone, Debug)]
pub struct Shutdown(Vec<watch::Receiver<bool>>);

impl Shutdown {
    /// A wish, and the handle that voices it by sending `true`.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(vec![receiver]))
    }

    /// The wish of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// Waits for the wish; for ever once nobody is left to voice it. Cancel-safe.
    pub async fn requested(&mut self) {
        let wishes = self.0.iter_mut().map(|wish| {
            Box::pin(async move {
                if wish.wait_for(|requested| *requested).await.is_err() {
                    std::future::pending::<()>().await;
                }
            })
        });
        select_all(wishes).await;
    }

    /// Waits until the wish is older than what is under way may still take. Cancel-safe; the time is counted from
    /// where this was called, if the wish was voiced before.
    pub(crate) async fn overdue(&mut self, grace: Duration) {
        self.requested().await;
        tokio::time::sleep(grace).await;
    }

    /// Whether the wish was voiced.
    pub fn is_requested(&self) -> bool {
        self.0.iter().any(|wish| *wish.borrow())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn either_wish_is_enough() {
        for voiced in 0..2 {
            let (senders, wishes): (Vec<_>, Vec<_>) = (0..2).map(|_| Shutdown::channel()).unzip();
            let mut both = wishes[0].or(&wishes[1]);
            assert!(!both.is_requested());
            senders[voiced].send_replace(true);
            assert!(both.is_requested());
            both.requested().await;
            assert!(!wishes[1 - voiced].is_requested());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_that_nobody_can_voice_any_more_is_none() {
        let (gone, first) = Shutdown::channel();
        let (sender, second) = Shutdown::channel();
        drop(gone);
        let mut both = first.or(&second);
        let hour = Duration::from_hours(1);
        assert!(tokio::time::timeout(hour, both.requested()).await.is_err());
        sender.send_replace(true);
        both.requested().await;
    }
}
