//! What stands between the program and a served sandbox: passes every request on, until it shuts.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::trouble::refusal_body;
use crate::moto::proxy::receive;

/// A gate on a loopback port.
pub struct Gate {
    pub address: String,
    rule: Arc<Mutex<Rule>>,
}

/// What becomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// They are passed on.
    Open,
    /// So many more are passed on, and all others refused so: code and message.
    Refuse(usize, &'static str, &'static str),
    /// The answer to each is cut off in the middle.
    Cut,
    /// What answers is no AWS: this status, and a page.
    Page(u16),
}

impl Gate {
    /// A gate to the sandbox that is served at this address.
    pub fn before(served: &str, rule: Rule) -> Self {
        let served: SocketAddr = served.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let rule = Arc::new(Mutex::new(rule));
        let ours = Arc::clone(&rule);
        // It ends with the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let rule = Arc::clone(&ours);
                // A client that is gone needs no answer.
                thread::spawn(move || stream.and_then(|stream| pass(served, &rule, stream)));
            }
        });
        Self { address, rule }
    }

    pub fn set(&self, rule: Rule) {
        *self.rule.lock().unwrap() = rule;
    }
}

fn pass(served: SocketAddr, rule: &Mutex<Rule>, mut client: TcpStream) -> io::Result<()> {
    let (head, body) = receive(&client)?;
    let now = {
        let mut rule = rule.lock().unwrap();
        let now = *rule;
        if let Rule::Refuse(left @ 1.., _, _) = &mut *rule {
            *left -= 1;
        }
        now
    };
    match now {
        Rule::Refuse(0, code, message) => {
            let scope = head.iter().find_map(|line| line.split_once("Credential="));
            let service = scope.and_then(|(_, scope)| scope.split('/').nth(3)).unwrap_or_default();
            answer(&mut client, 400, &refusal_body(service, code, message))?;
        }
        Rule::Page(status) => answer(&mut client, status, "<html><body>Sorry.</body></html>")?,
        Rule::Open | Rule::Refuse(..) | Rule::Cut => {
            let head: String = head.iter().map(|line| format!("{line}\r\n")).collect();
            let mut sandbox = TcpStream::connect(served)?;
            sandbox.write_all(&[head.as_bytes(), b"connection: close\r\n\r\n", &body].concat())?;
            let mut answered = Vec::new();
            sandbox.read_to_end(&mut answered)?;
            let length = if now == Rule::Cut { answered.len() - 10 } else { answered.len() };
            client.write_all(&answered[..length])?;
        }
    }
    client.shutdown(Shutdown::Both)
}

fn answer(client: &mut TcpStream, status: u16, body: &str) -> io::Result<()> {
    write!(client, "HTTP/1.1 {status} No\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
