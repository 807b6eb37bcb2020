//! What an error of Redis means: whether it passes, what was lost with it, and what to do.

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::cause;

/// What an error says of the connection on which it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing.
    None,
    /// Answers may be lost; a cluster's connection to that node comes back by itself.
    Answers,
    /// It is of no use any more.
    Connection,
}

/// What was lost with an error.
pub(super) fn loss(error: &RedisError, cluster: bool) -> Loss {
    let ended = error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error();
    if cluster {
        // One that does not answer is not given up by itself.
        return match ended {
            false => Loss::None,
            true if error.is_connection_dropped() && !error.is_timeout() => Loss::Answers,
            true => Loss::Connection,
        };
    }
    // A server that was made a replica: its name may lead to another by now.
    let demoted = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
    if ended || demoted { Loss::Connection } else { Loss::None }
}

/// Whether the key is at another node of a cluster, of which the connection learns by this error.
pub(super) fn is_elsewhere(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask))
}

/// Whether the same command may succeed later without anybody mending it, or when somebody has.
pub(super) fn may_pass(error: &RedisError) -> bool {
    if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() || is_crowded(error) {
        return true;
    }
    match error.kind() {
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
        ),
        ErrorKind::ClusterConnectionNotFound | ErrorKind::Io => true,
        _ => match error.code() {
            // Full, or unable to write its file: both end when somebody makes room. Replicas that must have what is
            // written are away; somebody's script runs too long.
            Some("OOM" | "MISCONF" | "NOREPLICAS" | "BUSY" | "LOADING" | "CLUSTERDOWN" | "MASTERDOWN") => {
                true
            }
            // Whoever waits at a server that becomes a replica; others are told so whose stream was removed.
            Some("UNBLOCKED") => error.detail().is_some_and(|detail| detail.contains("state changed")),
            _ => false,
        },
    }
}

/// Whether the server takes no more connections: another may end.
fn is_crowded(error: &RedisError) -> bool {
    error.to_string().contains("max number of clients")
}

/// What Redis or the network said.
pub(super) fn reason(error: &RedisError) -> String {
    let reason = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (_, Some(detail)) => detail.to_owned(),
        _ if error.is_timeout() => "no answer in time".to_owned(),
        _ => cause::root(error),
    };
    // Its number tells a person nothing.
    match reason.split_once(" (os error") {
        Some((said, _)) => said.to_lowercase(),
        None => reason,
    }
}

/// What to do next.
pub(super) fn hint(error: &RedisError) -> &'static str {
    match error.code() {
        _ if is_crowded(error) => "CONFIG SET maxclients to more: each worker needs several connections",
        Some("OOM") => "make room: CONFIG SET maxmemory to more, or let workers drain the queue",
        Some("MISCONF") => "make room on the disk of Redis: it can no longer write its file",
        Some("NOREPLICAS") => "bring its replicas back, or CONFIG SET min-replicas-to-write to fewer",
        Some("BUSY") => "SCRIPT KILL ends the script that keeps Redis busy",
        Some("NOAUTH" | "WRONGPASS") => "check the user and the password in the URL",
        Some("NOPERM") => "allow the user these commands (ACL SETUSER)",
        Some("NOGROUP") => {
            "the run's data is no longer in Redis: run the same command again to push what is left"
        }
        _ if error.kind() == ErrorKind::AuthenticationFailed => "check the user and the password in the URL",
        _ if may_pass(error) => "check that Redis runs and that its port can be reached from here",
        _ => "coordinator doctor checks this Redis",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use ::redis::parse_redis_value;

    use super::*;

    fn said(text: &str) -> RedisError {
        parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap().extract_error().unwrap_err()
    }

    #[test]
    fn what_ends_by_itself_or_by_making_room_passes() {
        for text in [
            "NOREPLICAS Not enough good replicas to write.",
            "BUSY Redis is busy running a script.",
            "ERR max number of clients reached",
            "MASTERDOWN Link with MASTER is down",
            "READONLY You can't write against a read only replica.",
            "LOADING Redis is loading the dataset in memory",
            "CLUSTERDOWN The cluster is down",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
        ] {
            assert!(may_pass(&said(text)), "{text}");
        }
    }

    #[test]
    fn what_stays_as_it_is_does_not_pass() {
        for text in [
            "ERR unknown command",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "NOGROUP No such key",
            "NOPERM this user has no permissions",
            "UNBLOCKED the stream key no longer exists",
        ] {
            assert!(!may_pass(&said(text)), "{text}");
            assert_eq!(loss(&said(text), false), Loss::None);
        }
    }

    #[test]
    fn a_cluster_mends_itself_unless_a_node_hangs() {
        let broken = RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let late = RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
        assert_eq!([loss(&broken, true), loss(&broken, false)], [Loss::Answers, Loss::Connection]);
        assert_eq!([loss(&late, true), loss(&late, false)], [Loss::Connection; 2]);
        let nobody = RedisError::from((ErrorKind::ClusterConnectionNotFound, "nobody is there"));
        assert_eq!(loss(&nobody, true), Loss::Connection);
        assert_eq!(loss(&said("MOVED 1 127.0.0.1:7001"), true), Loss::None);
        assert_eq!(loss(&said("READONLY no"), false), Loss::Connection);
    }
}
