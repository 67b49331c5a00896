//! What stands between the program and moto: notes every call, puts it into an account, and can kill the program at
//! one of them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use breezeway::sandbox::dials::Side;
use rustix::process::{Pid, Signal, kill_process};

/// A call as it was on the wire.
#[derive(Debug, Clone)]
pub struct Request {
    pub service: String,
    pub operation: String,
    pub body: String,
}

/// When a process dies.
#[derive(Debug, Clone, Copy)]
pub struct Death {
    /// Before the call reaches moto, or after.
    pub side: Side,
    pub at: At,
}

/// One of the calls of a process.
#[derive(Debug, Clone, Copy)]
pub enum At {
    /// By its number, from one.
    Call(usize),
    /// The first of an operation.
    First(&'static str),
}

/// A proxy on a loopback port, until this is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    way: Arc<Way>,
    accepting: Option<JoinHandle<()>>,
}

struct Way {
    moto: SocketAddr,
    account: String,
    traffic: Mutex<Traffic>,
}

/// The calls of one process.
#[derive(Default)]
struct Traffic {
    requests: Vec<Request>,
    death: Option<Death>,
    victim: Option<Pid>,
    over: bool,
}

impl Traffic {
    /// On which side of the last call the process is to die, if it is.
    fn death(&self) -> Option<Side> {
        let (death, last) = (self.death?, self.requests.last()?);
        let now = match death.at {
            At::Call(number) => self.requests.len() == number,
            At::First(operation) => {
                let earlier = &self.requests[..self.requests.len() - 1];
                last.operation == operation && earlier.iter().all(|request| request.operation != operation)
            }
        };
        now.then_some(death.side)
    }
}

impl Way {
    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// A way into an account of this moto server.
    pub fn start(moto: SocketAddr, account: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::new(Way { moto, account: account.to_owned(), traffic: Mutex::default() });
        let ours = Arc::clone(&way);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ours.traffic().over {
                    return;
                }
                let way = Arc::clone(&ours);
                std::thread::spawn(move || {
                    // A client that is gone needs no answer.
                    let _ = stream.and_then(|stream| pass(&way, stream));
                });
            }
        });
        Self { address, way, accepting: Some(accepting) }
    }

    /// Runs a process, and kills it at its death, if one is set.
    pub fn run(&self, command: &mut Command, death: Option<Death>) -> Output {
        let mut traffic = self.way.traffic();
        *traffic = Traffic { death, ..Traffic::default() };
        let child = command.spawn().expect("the program starts");
        traffic.victim = Some(Pid::from_child(&child));
        drop(traffic);
        let output = child.wait_with_output().expect("the program's output can be read");
        self.way.traffic().victim = None;
        output
    }

    /// The calls of the last process.
    pub fn requests(&self) -> Vec<Request> {
        self.way.traffic().requests.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.way.traffic().over = true;
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

/// Passes one request on, and its answer back; moto closes the connection after each.
fn pass(way: &Way, mut client: TcpStream) -> io::Result<()> {
    let (head, body) = receive(&client)?;
    let death = {
        let mut traffic = way.traffic();
        traffic.requests.push(read(&head, &body));
        traffic.death()
    };
    if death == Some(Side::Before) {
        return kill(way);
    }
    let answer = ask(way, &head, &body)?;
    if death == Some(Side::After) {
        return kill(way);
    }
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}

fn kill(way: &Way) -> io::Result<()> {
    match way.traffic().victim {
        Some(victim) => Ok(kill_process(victim, Signal::KILL)?),
        None => Ok(()),
    }
}

/// The head of a request or an answer, a line each, and its body.
pub fn receive(stream: &TcpStream) -> io::Result<(Vec<String>, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((head, body))
}

fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let mut fields = head.iter().filter_map(|line| line.split_once(':'));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Reads the service from the signature's scope, and the operation as the query or the JSON protocol names it; REST
/// protocols name none, but a read is a GET.
fn read(head: &[String], body: &[u8]) -> Request {
    let scope = header(head, "authorization").and_then(|value| value.split_once("Credential="));
    let service = scope.and_then(|(_, scope)| scope.split('/').nth(3)).unwrap_or_default();
    let action = form_urlencoded::parse(body).find(|(name, _)| name == "Action").map(|(_, action)| action.into_owned());
    let target = || Some(header(head, "x-amz-target")?.rsplit('.').next()?.to_owned());
    let rest = || head.first().filter(|line| line.starts_with("GET ")).map(|_| "Get".to_owned());
    Request {
        service: service.to_owned(),
        operation: action.or_else(target).or_else(rest).unwrap_or_default(),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

/// Moto's answer to a request in our account.
fn ask(way: &Way, head: &[String], body: &[u8]) -> io::Result<Vec<u8>> {
    let mut request: String = head.iter().map(|line| format!("{line}\r\n")).collect();
    request += &format!("x-moto-account-id: {}\r\n\r\n", way.account);
    let mut moto = TcpStream::connect(way.moto)?;
    moto.write_all(&[request.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    moto.read_to_end(&mut answer)?;
    Ok(answer)
}
