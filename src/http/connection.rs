//! Connections that nobody can hold open by being slow.
//!
//! A body has its own limit where it is read, with an answer that says so; here is what ends a caller who never finishes a
//! request's head, never reads an answer, or never asks again.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};

/// Accepts connections and watches over each.
pub(crate) struct Connections(TcpListener);

impl Connections {
    /// Accepts from a bound listener.
    pub(crate) fn of(listener: TcpListener) -> Self {
        Self(listener)
    }
}

impl Listener for Connections {
    type Io = Connection<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are single writes: waiting to join them with later ones only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's delay");
        }
        (Connection::new(stream), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that fails once it is overdue.
pub(crate) struct Connection<S> {
    stream: S,
    /// Whether part of a request has come and none of its answer has gone.
    asking: bool,
    overdue_at: Instant,
    /// Rings now and then: moving it with every request would cost more than looking when it rings.
    alarm: Pin<Box<Sleep>>,
}

impl<S> Connection<S> {
    fn new(stream: S) -> Self {
        let alarm = Box::pin(tokio::time::sleep(EXCHANGE));
        Self { stream, asking: false, overdue_at: Instant::now() + IDLE, alarm }
    }

    fn noted_read(&mut self) {
        // Only the first byte counts, or one byte a minute would hold the connection forever.
        if !self.asking {
            self.asking = true;
            self.overdue_at = Instant::now() + EXCHANGE;
        }
    }

    fn noted_write(&mut self) {
        self.asking = false;
        self.overdue_at = Instant::now() + IDLE;
    }

    /// Waits on, or fails if the deadline has passed.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            ready!(self.alarm.as_mut().poll(context));
            let now = Instant::now();
            if now >= self.overdue_at {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let rings_at = self.overdue_at.min(now + EXCHANGE);
            self.alarm.as_mut().reset(rings_at);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                self.noted_read();
                Poll::Ready(read)
            }
            Poll::Pending => self.wait(context),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(written) => {
                self.noted_write();
                Poll::Ready(written)
            }
            Poll::Pending => self.wait(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(context, parts) {
            Poll::Ready(written) => {
                self.noted_write();
                Poll::Ready(written)
            }
            Poll::Pending => self.wait(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How long a connection may rest between an answer and the next request, or an answer may lie unread.
const IDLE: Duration = Duration::from_secs(75);

/// How long the first byte of a request may lie before the first byte of its answer: longer than body and answer may take.
const EXCHANGE: Duration = Duration::from_secs(45);

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller that says one byte each time it is asked, or nothing.
    struct Caller {
        says: usize,
    }

    impl AsyncRead for Caller {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if self.says == 0 {
                return Poll::Pending;
            }
            self.says -= 1;
            buffer.put_slice(b"x");
            Poll::Ready(Ok(()))
        }
    }

    /// Polls once after the alarm has rung, with the deadline moved to `left` from now.
    fn read(says: usize, left: Duration) -> Poll<io::Result<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut connection = Connection::new(Caller { says });
            connection.alarm.as_mut().reset(Instant::now());
            connection.alarm.as_mut().await;
            connection.overdue_at = Instant::now() + left;
            let mut bytes = [0; 8];
            let mut context = Context::from_waker(std::task::Waker::noop());
            Pin::new(&mut connection).poll_read(&mut context, &mut ReadBuf::new(&mut bytes))
        })
    }

    #[test]
    fn a_connection_is_waited_on_until_it_is_overdue() {
        assert!(read(0, Duration::from_secs(5)).is_pending(), "the alarm rang early");
        assert!(matches!(read(0, Duration::ZERO), Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::TimedOut));
    }

    #[test]
    fn what_has_come_is_read_even_if_it_is_late() {
        assert!(matches!(read(1, Duration::ZERO), Poll::Ready(Ok(()))));
    }

    #[test]
    fn more_bytes_of_a_request_win_no_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut connection = Connection::new(Caller { says: 2 });
            connection.noted_read();
            let first = connection.overdue_at;
            connection.noted_read();
            assert_eq!(connection.overdue_at, first);
            connection.noted_write();
            assert!(connection.overdue_at > first);
        });
    }
}
