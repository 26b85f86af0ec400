//! What posts as SNS does: again after a 5xx, a 429 and a connection that broke off, and never again after another answer.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::hooks::{CREDENTIALS, TOPIC};

/// Requests at once.
const REQUESTS: usize = 8;

/// How long SNS waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long to wait before a message is posted again: SNS takes some seconds.
const PAUSE: Duration = Duration::from_millis(50);

/// Posts messages until each of them is answered with 200. Dropped, it ends.
pub(super) struct Postman {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    /// Where the webhook is at the moment.
    address: Mutex<Option<String>>,
    waiting: Mutex<VecDeque<Vec<u8>>>,
    under_way: AtomicUsize,
    /// Messages that must be posted again.
    refused: AtomicUsize,
    /// Messages that were answered with 503, and not with a broken connection.
    told_to_wait: AtomicUsize,
    /// Answers after which SNS drops a message.
    dropped: Mutex<Vec<u16>>,
}

impl Postman {
    pub(super) fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let mut tasks = JoinSet::new();
        for _ in 0..REQUESTS {
            tasks.spawn(Arc::clone(&shared).post_all());
        }
        Self { shared, _tasks: tasks }
    }

    /// The webhook has this address from now on.
    pub(super) fn turn_to(&self, address: String) {
        *self.shared.address.lock().unwrap() = Some(address);
    }

    pub(super) fn take(&self, messages: Vec<Vec<u8>>) {
        self.shared.waiting.lock().unwrap().extend(messages);
    }

    /// Messages that were not answered with 200 yet.
    pub(super) fn left(&self) -> usize {
        // In the order in which they move: none is missed.
        let waiting = self.shared.waiting.lock().unwrap();
        waiting.len() + self.shared.under_way.load(Relaxed)
    }

    /// How often a message had to be posted again, and how often because of a 503.
    pub(super) fn refused(&self) -> (usize, usize) {
        (self.shared.refused.load(Relaxed), self.shared.told_to_wait.load(Relaxed))
    }

    /// Answers after which SNS would have dropped a message.
    pub(super) fn dropped(&self) -> Vec<u16> {
        self.shared.dropped.lock().unwrap().clone()
    }
}

impl Shared {
    async fn post_all(self: Arc<Self>) {
        loop {
            let message = {
                let mut waiting = self.waiting.lock().unwrap();
                let message = waiting.pop_front();
                self.under_way.fetch_add(usize::from(message.is_some()), Relaxed);
                message
            };
            let Some(message) = message else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            match self.post(&message).await {
                Some(200) => {}
                Some(status @ 400..=499) if status != 429 => self.dropped.lock().unwrap().push(status),
                status => {
                    self.refused.fetch_add(1, Relaxed);
                    self.told_to_wait.fetch_add(usize::from(status == Some(503)), Relaxed);
                    tokio::time::sleep(PAUSE).await;
                    self.waiting.lock().unwrap().push_back(message);
                }
            }
            self.under_way.fetch_sub(1, Relaxed);
        }
    }

    /// The status, if there is an answer.
    async fn post(&self, message: &[u8]) -> Option<u16> {
        let address = self.address.lock().unwrap().clone()?;
        let exchange = async {
            let mut stream = TcpStream::connect(&address).await.ok()?;
            let head = format!(
                "POST /hooks/sns HTTP/1.1\r\nHost: {address}\r\nx-amz-sns-rawdelivery: true\r\n\
                 x-amz-sns-topic-arn: {TOPIC}\r\nAuthorization: Basic {CREDENTIALS}\r\nContent-Length: {}\r\n\r\n",
                message.len()
            );
            stream.write_all(&[head.as_bytes(), message].concat()).await.ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok()?;
            std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
        };
        timeout(ANSWER_TIMEOUT, exchange).await.ok().flatten()
    }
}
