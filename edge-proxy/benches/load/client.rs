//! The clients: plain HTTP/1.1 over connections that stay open, so that the generator costs little beside the proxy.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

/// What came back, and when.
pub struct Answers {
    /// Sorted, in milliseconds.
    latencies: Vec<f64>,
    statuses: Vec<u16>,
}

impl Answers {
    fn of(each: Vec<(u16, Duration)>) -> Self {
        let mut latencies: Vec<f64> = each.iter().map(|(_, took)| took.as_secs_f64() * 1e3).collect();
        latencies.sort_by(f64::total_cmp);
        Self { latencies, statuses: each.into_iter().map(|(status, _)| status).collect() }
    }

    /// In milliseconds.
    pub fn quantile(&self, at: f64) -> f64 {
        self.latencies[((self.latencies.len() - 1) as f64 * at).round() as usize]
    }

    /// How many were answered with 200.
    pub fn done(&self) -> usize {
        self.statuses.iter().filter(|status| **status == 200).count()
    }

    pub fn expect_all_done(&self) {
        assert_eq!(self.done(), self.statuses.len(), "other answers: {:?}", self.statuses.iter().find(|s| **s != 200));
    }
}

fn post(body: &str) -> Vec<u8> {
    format!("POST /execute HTTP/1.1\r\nHost: proxy\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Reads one answer; its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<u16> {
    buffer.clear();
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let whole = head + length.unwrap_or(0);
    while buffer.len() < whole {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(text[9..12].parse().unwrap())
}

/// Sends all bodies over this many connections, each its next as soon as its last is answered.
pub async fn drive(address: SocketAddr, connections: usize, bodies: Vec<String>) -> Answers {
    let queue = Arc::new(Mutex::new(VecDeque::from(bodies)));
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (mut each, mut buffer) = (Vec::new(), Vec::new());
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(body) = next else { return each };
                    let request = post(&body);
                    let sent = Instant::now();
                    stream.write_all(&request).await.unwrap();
                    let status = answer(&mut stream, &mut buffer).await.unwrap();
                    each.push((status, sent.elapsed()));
                }
            })
        })
        .collect();
    let mut each = Vec::new();
    for client in clients {
        each.extend(client.await.unwrap());
    }
    Answers::of(each)
}

/// Sends one after the other at a steady pace, each over a connection of its own, as a platform does that has one approval
/// now and then.
pub async fn paced(address: SocketAddr, bodies: Vec<String>, pause: Duration) -> Answers {
    let mut tick = tokio::time::interval(pause);
    let mut waiting = Vec::new();
    for body in bodies {
        tick.tick().await;
        waiting.push(tokio::spawn(async move {
            let sent = Instant::now();
            let ask = async {
                let mut stream = TcpStream::connect(address).await?;
                stream.write_all(&post(&body)).await?;
                answer(&mut stream, &mut Vec::new()).await
            };
            let status = tokio::time::timeout(Duration::from_secs(30), ask).await.map_or(0, |read| read.unwrap_or(0));
            (status, sent.elapsed())
        }));
    }
    let mut each = Vec::new();
    for one in waiting {
        each.push(one.await.unwrap());
    }
    Answers::of(each)
}

/// What became of a flood.
pub struct Flooded {
    /// Requests per second that were sent.
    pub rate: f64,
    pub answered: usize,
    /// Sent, and left unanswered when the proxy closed the connection on the first of their burst.
    pub dropped: usize,
}

/// Sends junk as fast as asked for, in bursts, over connections that are opened again when the proxy closes them.
pub async fn flood(address: SocketAddr, per_second: usize, lasting: Duration) -> Flooded {
    const CONNECTIONS: usize = 32;
    const AT_ONCE: usize = 16;
    let request = post(r#"{"payloadType":"application/vnd.vyrox.action+json","payload":"e30=","signatures":[]}"#);
    let began = Instant::now();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|client| {
            let burst = request.repeat(AT_ONCE);
            tokio::spawn(async move {
                let (mut sent, mut answered, mut buffer) = (0, 0, Vec::new());
                let share = per_second as f64 / CONNECTIONS as f64;
                while began.elapsed() < lasting {
                    let due = (began.elapsed().as_secs_f64() * share) as usize;
                    let open = if sent < due { connect(address, client).await } else { None };
                    let Some(mut open) = open else {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        continue;
                    };
                    if open.write_all(&burst).await.is_ok() {
                        sent += AT_ONCE;
                        answered += answers(&mut open, AT_ONCE, &mut buffer).await;
                    }
                }
                (sent, answered)
            })
        })
        .collect();
    let (mut sent, mut answered) = (0, 0);
    for client in clients {
        let (some, answers) = client.await.unwrap();
        (sent, answered) = (sent + some, answered + answers);
    }
    Flooded { rate: sent as f64 / began.elapsed().as_secs_f64(), answered, dropped: sent - answered }
}

/// From an address of its own for each client, so that the ports of one do not run out.
async fn connect(address: SocketAddr, client: usize) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind(SocketAddr::from(([127, 0, 1, u8::try_from(client + 1).ok()?], 0))).ok()?;
    socket.connect(address).await.ok()
}

/// How many answers come before the connection is closed.
async fn answers(stream: &mut TcpStream, expected: usize, buffer: &mut Vec<u8>) -> usize {
    buffer.clear();
    let count = |buffer: &[u8]| buffer.windows(9).filter(|nine| nine == b"HTTP/1.1 ").count();
    let read = async { while count(buffer) < expected && stream.read_buf(buffer).await.is_ok_and(|read| read > 0) {} };
    let _ = tokio::time::timeout(Duration::from_secs(5), read).await;
    count(buffer)
}

/// A whole export, thrown away as it comes.
pub struct Exported {
    pub bytes: u64,
    pub took: Duration,
}

/// Reads an export to its end.
pub async fn export(address: SocketAddr, token: &'static str) -> Exported {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = format!(
        "GET /audit/export?tenant_id=acme HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let (mut chunk, mut bytes) = (vec![0; 64 * 1024], 0);
    loop {
        match stream.read(&mut chunk).await.unwrap() {
            0 => break,
            read => bytes += read as u64,
        }
    }
    Exported { bytes, took: began.elapsed() }
}
