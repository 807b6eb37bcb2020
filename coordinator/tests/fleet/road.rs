//! The road between a worker and its coordinator, which can be cut.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

/// Forwards connections to an address that may change.
pub(crate) struct Road {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    held: watch::Sender<bool>,
    turned_away: watch::Sender<u32>,
}

struct State {
    /// Where connections go; nowhere while the road is closed.
    to: Option<SocketAddr>,
    /// Ends those that are open.
    cut: CancellationToken,
}

impl Road {
    pub(crate) async fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { to: Some(to), cut: CancellationToken::new() }));
        let (held, turned_away) = (watch::Sender::new(false), watch::Sender::new(0));
        let (states, holds, counts) = (state.clone(), held.clone(), turned_away.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (to, cut) = {
                    let state = states.lock().unwrap();
                    (state.to, state.cut.clone())
                };
                let Some(to) = to else {
                    counts.send_modify(|count| *count += 1);
                    continue;
                };
                let open = holds.subscribe();
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(to).await else { return };
                    let (near_in, near_out) = near.into_split();
                    let (far_in, far_out) = far.into_split();
                    let both = async {
                        tokio::join!(carry(near_in, far_out, open.clone()), carry(far_in, near_out, open))
                    };
                    cut.run_until_cancelled(both).await;
                });
            }
        });
        Self { address, state, held, turned_away }
    }

    /// Ends every connection; new ones are closed at once.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock().unwrap();
        state.to = None;
        std::mem::take(&mut state.cut).cancel();
    }

    /// Waits until so many connections were closed at once.
    pub(crate) async fn has_turned_away(&self, connections: u32) {
        self.turned_away.subscribe().wait_for(|count| *count >= connections).await.unwrap();
    }

    /// Lets connections through, perhaps to somewhere else.
    pub(crate) fn open(&self, to: SocketAddr) {
        self.state.lock().unwrap().to = Some(to);
        self.held.send_replace(false);
    }

    /// Connections stay, and nothing arrives any more, as behind a network that is down.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }
}

async fn carry(
    mut from: impl io::AsyncRead + Unpin,
    mut to: impl io::AsyncWrite + Unpin,
    mut hold: watch::Receiver<bool>,
) {
    use io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if hold.wait_for(|held| !held).await.is_err() || to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    let _closed = to.shutdown().await;
}
