//! One server or a cluster behind one type.

use std::{fmt, sync::Arc, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};

use super::{Link, Patience, RedisError, address::RedisUrl, nodes::Nodes};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take, beside the time that the command itself waits.
const ANSWER: Duration = Duration::from_secs(10);

/// Makes connections to one Redis.
#[derive(Clone)]
pub struct Connector {
    url: RedisUrl,
    cluster: bool,
    answer: Duration,
    /// Shared by all that came of one `find`.
    nodes: Arc<Nodes>,
}

impl Connector {
    /// Looks whether the server is one of a cluster, and who the others are.
    pub async fn find(url: RedisUrl, patience: Patience) -> Result<Self, RedisError> {
        Self::over(Link::new(Self::unknown(url), patience)).await
    }

    /// The same, for whoever says itself that Redis is away.
    pub async fn find_quietly(url: RedisUrl, patience: Patience) -> Result<Self, RedisError> {
        Self::over(Link::new(Self::unknown(url), patience).quiet()).await
    }

    fn unknown(url: RedisUrl) -> Self {
        Self { url, cluster: false, answer: ANSWER, nodes: Arc::default() }
    }

    async fn over(link: Link) -> Result<Self, RedisError> {
        let mut connector = link.connector().clone();
        let info: String = link.query("connecting", ::redis::cmd("INFO").arg("server")).await?;
        connector.cluster = info.lines().any(|line| line.trim() == "redis_mode:cluster");
        if connector.cluster {
            let slots: Value = link.query("asking for the nodes of its cluster", &Nodes::question()).await?;
            connector.nodes.learn(&slots, &connector.host());
        }
        Ok(connector)
    }

    /// The same, for commands that themselves wait up to `wait`: the answer's time-out is always the longer one.
    #[must_use]
    pub fn waiting(&self, wait: Duration) -> Self {
        Self { answer: ANSWER + wait, ..self.clone() }
    }

    /// The same, for whoever has no use for an answer that comes later than `answer`.
    #[must_use]
    pub fn answering_within(&self, answer: Duration) -> Self {
        Self { answer, ..self.clone() }
    }

    /// Where the Redis is.
    pub fn url(&self) -> &RedisUrl {
        &self.url
    }

    /// Whether it is a cluster.
    pub fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// A new connection. What drives it runs on the calling runtime.
    pub async fn connect(&self) -> Result<Connection, ::redis::RedisError> {
        let info = self.url.info()?;
        if self.cluster {
            let client = ClusterClient::builder(self.nodes.seeds(info))
                .connection_timeout(CONNECT.min(self.answer))
                .response_timeout(self.answer)
                // Whoever calls tries again, and says so. In here it would be silent: an answer that was lost may have
                // carried jobs, and nobody would look for them.
                .retries(0)
                .build()?;
            return Ok(Connection::Cluster(client.get_async_connection().await?));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT.min(self.answer)))
            .set_response_timeout(Some(self.answer));
        let client = Client::open(info)?;
        Ok(Connection::Server(client.get_multiplexed_async_connection_with_config(&config).await?))
    }
}

/// What a [`Link`] does for a cluster.
impl Connector {
    /// Asks again who the nodes are, now and then; in the background, for nobody waits for it.
    pub(super) fn look_around(&self, connection: &Connection) {
        if !self.cluster || !self.nodes.is_due() {
            return;
        }
        let (nodes, host, mut connection) = (self.nodes.clone(), self.host(), connection.clone());
        tokio::spawn(async move {
            match Nodes::question().query_async::<Value>(&mut connection).await {
                Ok(slots) => nodes.learn(&slots, &host),
                // The next look is soon enough.
                Err(error) => tracing::debug!(%error, "the nodes of the cluster could not be asked for"),
            }
        });
    }

    /// A node was lost: who takes its place is asked as soon as there is an answer.
    pub(super) fn look_soon(&self) {
        self.nodes.doubt();
    }

    fn host(&self) -> String {
        match self.url.info().map(|info| info.addr().clone()) {
            Ok(ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => host,
            _ => String::new(),
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("url", &self.url)
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// A connection, multiplexed: clones share it.
#[derive(Clone)]
pub enum Connection {
    /// To one server.
    Server(MultiplexedConnection),
    /// To every node of a cluster.
    Cluster(ClusterConnection),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Server(_)) { "Server" } else { "Cluster" })
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
