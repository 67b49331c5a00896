//! DNS over loopback: a server that answers whatever it is asked, and a client.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Longer than BIND takes to give up on a silent server, which is 10 s.
const PATIENCE: Duration = Duration::from_secs(30);
/// What every name that an [`Upstream`] is to answer over TCP only begins with.
pub const LARGE: &str = "large.";

/// How a name resolves.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Address(Ipv4Addr),
    Failure(ResponseCode),
}

/// Asks a server for the address of a name, from one of this machine's addresses.
pub fn ask(server: SocketAddrV4, from: Ipv4Addr, name: &str) -> Answer {
    ask_within(PATIENCE, server, from, name).unwrap_or_else(|| panic!("{server} does not answer for {name}"))
}

/// The same; none where no answer comes in time.
pub fn ask_within(patience: Duration, server: SocketAddrV4, from: Ipv4Addr, name: &str) -> Option<Answer> {
    let mut question = Message::new(4711, MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    // Not connected, so that a port where nobody listens yet is silence and not an error.
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    socket.send_to(&question.to_vec().unwrap(), server).unwrap();
    let mut buffer = [0; 4096];
    let size = socket.recv(&mut buffer).ok()?;
    let mut answer = Message::from_vec(&buffer[..size]).unwrap();
    if answer.metadata.truncation {
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        send_framed(&mut stream, &question);
        answer = receive_framed(&mut stream).unwrap();
    }
    let address = answer.answers.iter().find_map(|record| match &record.data {
        RData::A(A(address)) => Some(Answer::Address(*address)),
        _ => None,
    });
    Some(address.unwrap_or(Answer::Failure(answer.metadata.response_code)))
}

/// A DNS server that gives every name the same address, over UDP and TCP, until this is dropped.
pub struct Upstream {
    at: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Upstream {
    pub fn start(udp: UdpSocket, tcp: TcpListener, address: Ipv4Addr) -> Self {
        let at = udp.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let ended = Arc::<AtomicBool>::default();
        let over_udp = {
            let (asked, ended) = (Arc::clone(&asked), Arc::clone(&ended));
            std::thread::spawn(move || serve_udp(&udp, address, &asked, &ended))
        };
        let over_tcp = {
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || serve_tcp(&tcp, address, &ended))
        };
        Self { at, asked, ended, threads: vec![over_udp, over_tcp] }
    }

    /// Whether anybody wanted to know this name, or one below it.
    pub fn was_asked_for(&self, name: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|asked| asked == name || asked.ends_with(&format!(".{name}")))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Something to receive, so that both threads see it.
        let wake = UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.send_to(&[], self.at));
        let _ = (wake, TcpStream::connect(self.at));
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve_udp(socket: &UdpSocket, address: Ipv4Addr, asked: &Mutex<Vec<String>>, ended: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok((size, client)) = socket.recv_from(&mut buffer) {
        if ended.load(Ordering::SeqCst) {
            return;
        }
        let question = Message::from_vec(&buffer[..size]).unwrap();
        let name = question.queries[0].name().to_ascii().to_lowercase();
        let mut answer = answer(&question, address);
        if name.starts_with(LARGE) {
            answer = answer.truncate();
        }
        asked.lock().unwrap().push(name.trim_end_matches('.').to_owned());
        let _ = socket.send_to(&answer.to_vec().unwrap(), client);
    }
}

fn serve_tcp(listener: &TcpListener, address: Ipv4Addr, ended: &AtomicBool) {
    for stream in listener.incoming() {
        if ended.load(Ordering::SeqCst) {
            return;
        }
        let mut stream = stream.unwrap();
        // One question a connection is all that is wanted here.
        if let Some(question) = receive_framed(&mut stream) {
            send_framed(&mut stream, &answer(&question, address));
        }
    }
}

fn answer(question: &Message, address: Ipv4Addr) -> Message {
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata = Metadata::response_from_request(&question.metadata);
    answer.metadata.recursion_available = true;
    answer.add_queries(question.queries.clone());
    let query = &question.queries[0];
    if query.query_type() == RecordType::A {
        answer.add_answer(Record::from_rdata(query.name().clone(), 60, RData::A(A(address))));
    }
    answer
}

/// Over TCP, each message follows its length.
fn send_framed(stream: &mut TcpStream, message: &Message) {
    let message = message.to_vec().unwrap();
    let length = u16::try_from(message.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes(), message.as_slice()].concat()).unwrap();
}

fn receive_framed(stream: &mut TcpStream) -> Option<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).ok()?;
    Message::from_vec(&message).ok()
}
