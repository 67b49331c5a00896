//! Reads what a DNS server's configuration says of forwarding, in the language of BIND's `named.conf`:
//! <https://bind9.readthedocs.io/en/v9.18.28/reference.html>. What says nothing of it is passed over.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::names::{ClientRange, Upstream, Zone};

/// Lists that double themselves through names end here.
const MOST_RANGES: usize = 1000;

/// Nobody nests braces deeper.
const DEEPEST: usize = 16;

/// What a configuration says.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The addresses that it listens on; as with clients, the first that matches counts.
    pub listen_on: Vec<ClientRange>,
    /// Who is answered at all.
    pub allow_query: Vec<ClientRange>,
    /// Who is answered from elsewhere than the server's own zones.
    pub allow_recursion: Vec<ClientRange>,
    /// Its zones.
    pub zones: BTreeMap<String, Zone>,
    /// Where it asks for everything else.
    pub upstream: Upstream,
}

/// The `named.conf` that a host's user data writes, out of the here-documents of its script.
pub fn named_conf(user_data: &str) -> Option<String> {
    let mut found: Option<String> = None;
    let mut lines = user_data.lines();
    while let Some(line) = lines.next() {
        let Some((command, rest)) = line.split_once("<<") else { continue };
        let quoted = |letter: char| matches!(letter, '\'' | '"' | '-' | '\\') || letter.is_whitespace();
        let end = rest.trim_start_matches(quoted).split(|letter: char| quoted(letter) || letter == '>').next();
        let Some(end) = end.filter(|word| !word.is_empty()) else { continue };
        let body: Vec<_> = lines.by_ref().take_while(|line| line.trim_start_matches('\t') != end).collect();
        if command.contains("named.conf") || rest.contains("named.conf") {
            let text = found.get_or_insert_default();
            body.iter().for_each(|line| {
                text.push_str(line);
                text.push('\n');
            });
        }
    }
    found
}

/// Reads a configuration; `network` is the range that the host's interface is in.
///
/// # Errors
/// A brace, a quote or a comment isn't closed; braces are nested too deep.
pub fn read(text: &str, network: Ipv4Net) -> Result<Config, String> {
    let statements = parse(text)?;
    let empty = Vec::new();
    let options = statements.iter().find(|statement| statement.is("options")).map_or(&empty, |found| &found.block);
    let lists = Lists::read(&statements, network);
    let list = |name| last(options, name).map(|statement| lists.ranges(&statement.block));
    let everybody = vec![ClientRange { range: Ipv4Net::default(), refused: false }];
    let local = || vec![ClientRange { range: network, refused: false }];
    let recursion = last(options, "recursion").is_none_or(|statement| statement.word(1) != Some("no"));
    let allow_query = list("allow-query");
    let allow_recursion = list("allow-recursion").or_else(|| list("allow-query-cache")).or_else(|| allow_query.clone());
    let mut zones = BTreeMap::new();
    for statement in statements.iter().filter(|statement| statement.is("zone")) {
        let Some(name) = statement.word(1) else { continue };
        let kind = match last(&statement.block, "type").and_then(|kind| kind.word(1)) {
            Some("forward") => Zone::Forward(upstream(&statement.block)),
            Some("primary" | "master" | "secondary" | "slave" | "mirror") => Zone::Authoritative,
            _ => continue,
        };
        zones.insert(name.trim_end_matches('.').to_ascii_lowercase(), kind);
    }
    Ok(Config {
        listen_on: list("listen-on").unwrap_or_else(|| everybody.clone()),
        allow_recursion: if recursion { allow_recursion.unwrap_or_else(local) } else { Vec::new() },
        allow_query: allow_query.unwrap_or(everybody),
        zones,
        upstream: upstream(options),
    })
}

/// Whom a block asks, and whether nobody else.
fn upstream(block: &[Statement]) -> Upstream {
    let forwarders = last(block, "forwarders").map(|forwarders| forwarders.block.as_slice()).unwrap_or_default();
    let servers = forwarders.iter().filter_map(|server| server.word(0)?.parse().ok()).collect();
    Upstream { servers, only: last(block, "forward").and_then(|forward| forward.word(1)) == Some("only") }
}

/// A statement: words, and what stands between its braces.
#[derive(Debug, Default, Clone, PartialEq)]
struct Statement {
    words: Vec<String>,
    block: Vec<Statement>,
}

impl Statement {
    fn word(&self, at: usize) -> Option<&str> {
        self.words.get(at).map(String::as_str)
    }

    fn is(&self, name: &str) -> bool {
        self.word(0) == Some(name)
    }
}

fn last<'a>(block: &'a [Statement], name: &str) -> Option<&'a Statement> {
    block.iter().rev().find(|statement| statement.is(name))
}

/// Lists of addresses, with the names that stand for some.
struct Lists<'a> {
    /// The range that `localnets` stands for.
    network: Ipv4Net,
    /// The lists that `acl` statements name; each may use those before it.
    named: BTreeMap<&'a str, Vec<ClientRange>>,
}

impl<'a> Lists<'a> {
    fn read(statements: &'a [Statement], network: Ipv4Net) -> Self {
        let mut lists = Lists { network, named: BTreeMap::new() };
        for acl in statements.iter().filter(|statement| statement.is("acl")) {
            let ranges = lists.ranges(&acl.block);
            lists.named.insert(acl.word(1).unwrap_or_default(), ranges);
        }
        lists
    }

    /// What nobody can tell matches nothing.
    fn ranges(&self, elements: &[Statement]) -> Vec<ClientRange> {
        let mut found = Vec::new();
        for element in elements {
            let negated = element.is("!");
            let one = |range: Ipv4Net| vec![ClientRange { range, refused: false }];
            let ranges = match element.word(usize::from(negated)).unwrap_or_default() {
                "any" => one(Ipv4Net::default()),
                "none" => vec![ClientRange { range: Ipv4Net::default(), refused: true }],
                "localnets" => one(self.network),
                "localhost" => one(Ipv4Net::from(Ipv4Addr::LOCALHOST)),
                "" => self.ranges(&element.block),
                word => range(word).map(one).or_else(|| self.named.get(word).cloned()).unwrap_or_default(),
            };
            // What a negated list refuses it leaves to the elements that follow.
            let refused = |range: &ClientRange| ClientRange { refused: true, ..*range };
            match negated {
                true => found.extend(ranges.iter().filter(|range| !range.refused).map(refused)),
                false => found.extend(ranges),
            }
        }
        found.truncate(MOST_RANGES);
        found
    }
}

/// An address, or a range; octets at its end may be missing.
fn range(word: &str) -> Option<Ipv4Net> {
    let (address, length) = word.split_once('/').unwrap_or((word, "32"));
    let missing = 3_usize.checked_sub(address.matches('.').count())?;
    let address = format!("{address}{}", ".0".repeat(missing)).parse().ok()?;
    Ipv4Net::new(address, length.parse().ok()?).ok()
}

fn parse(text: &str) -> Result<Vec<Statement>, String> {
    // The blocks that are open, each with the statement that is being read in it.
    let mut open: Vec<(Vec<Statement>, Statement)> = vec![Default::default()];
    for token in tokens(text)? {
        let (block, statement) = open.last_mut().ok_or("a brace is closed that was never opened")?;
        match token {
            Token::Word(word) => statement.words.push(word),
            Token::End if *statement != Statement::default() => block.push(std::mem::take(statement)),
            Token::End => {}
            Token::Open if open.len() > DEEPEST => return Err("braces are nested too deep".to_owned()),
            Token::Open => open.push(Default::default()),
            Token::Close => {
                let (mut inner, unfinished) = open.pop().unwrap_or_default();
                if unfinished != Statement::default() {
                    inner.push(unfinished);
                }
                let (_, statement) = open.last_mut().ok_or("a brace is closed that was never opened")?;
                statement.block.extend(inner);
            }
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some((block, _)), true) => Ok(block),
        _ => Err("a brace isn't closed".to_owned()),
    }
}

enum Token {
    Word(String),
    Open,
    Close,
    End,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let comment = rest.starts_with("//") || first == '#';
        rest = match first {
            _ if comment => rest.split_once('\n').map_or("", |(_, after)| after),
            '/' if rest.starts_with("/*") => rest.split_once("*/").ok_or("a comment isn't closed")?.1,
            '"' => {
                let (word, after) = rest[1..].split_once('"').ok_or("a quote isn't closed")?;
                tokens.push(Token::Word(word.to_owned()));
                after
            }
            '{' | '}' | ';' | '!' => {
                tokens.push(match first {
                    '{' => Token::Open,
                    '}' => Token::Close,
                    ';' => Token::End,
                    _ => Token::Word("!".to_owned()),
                });
                &rest[1..]
            }
            _ => {
                let ends = |letter: char| letter.is_whitespace() || matches!(letter, '{' | '}' | ';' | '"' | '#');
                let end = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                &rest[end..]
            }
        }
        .trim_start();
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        read(text, "192.168.10.0/26".parse().unwrap()).unwrap()
    }

    fn ranges(list: &[ClientRange]) -> Vec<String> {
        list.iter().map(|one| format!("{}{}", if one.refused { "!" } else { "" }, one.range)).collect()
    }

    fn forward(servers: &[[u8; 4]], only: bool) -> Upstream {
        Upstream { servers: servers.iter().copied().map(Ipv4Addr::from).collect(), only }
    }

    #[test]
    fn zones_and_options_say_whom_is_asked() {
        let config = config(
            r#"
            // comments of
            /* every { kind */ # are passed over
            options { directory "/var/named"; forward only; forwarders { 192.168.10.2; }; dnssec-validation no; };
            zone "Studio.eu-west-1.sagemaker.aws." IN { type forward; forward only; forwarders { 10.16.32.10; 10.16.96.10; }; };
            zone "leaky.example" { type forward; forwarders port 53 { 10.0.0.1 port 53; }; };
            zone "own.example" { type primary; file "own.example.zone"; };
            zone "." IN { type hint; file "named.ca"; };
            "#,
        );
        assert_eq!(config.upstream, forward(&[[192, 168, 10, 2]], true));
        let zones = BTreeMap::from([
            (
                "studio.eu-west-1.sagemaker.aws".into(),
                Zone::Forward(forward(&[[10, 16, 32, 10], [10, 16, 96, 10]], true)),
            ),
            ("leaky.example".into(), Zone::Forward(forward(&[[10, 0, 0, 1]], false))),
            ("own.example".into(), Zone::Authoritative),
        ]);
        assert_eq!(config.zones, zones);
    }

    #[test]
    fn lists_are_read_with_their_names_and_negations() {
        let config = config(
            "acl corp { 10/8; ! 192.168.10.9; 192.168.10.0/24; };
            options { listen-on port 53 { 127.0.0.1; 192.168.10.10; }; allow-query { !192.168.10.7; corp; localnets; nobody; };
                allow-recursion { { localhost; }; none; }; };",
        );
        assert_eq!(ranges(&config.listen_on), ["127.0.0.1/32", "192.168.10.10/32"]);
        let queries = ["!192.168.10.7/32", "10.0.0.0/8", "!192.168.10.9/32", "192.168.10.0/24", "192.168.10.0/26"];
        assert_eq!(ranges(&config.allow_query), queries);
        assert_eq!(ranges(&config.allow_recursion), ["127.0.0.1/32", "!0.0.0.0/0"]);
    }

    #[test]
    fn without_lists_everybody_may_ask_and_the_local_network_gets_more_than_own_zones() {
        let plain = config("options { };");
        assert_eq!(
            (ranges(&plain.allow_query), ranges(&plain.listen_on)),
            (vec!["0.0.0.0/0".into()], vec!["0.0.0.0/0".into()])
        );
        assert_eq!(ranges(&plain.allow_recursion), ["192.168.10.0/26"]);
        assert_eq!(plain.upstream, Upstream::default());
        let queries = config("options { allow-query { 10.0.0.0/8; }; };");
        assert_eq!(ranges(&queries.allow_recursion), ["10.0.0.0/8"]);
        assert_eq!(config("options { recursion no; };").allow_recursion, []);
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        let network = "10.0.0.0/8".parse().unwrap();
        assert_eq!(read("options {", network).unwrap_err(), "a brace isn't closed");
        assert_eq!(read("zone \"x { };", network).unwrap_err(), "a quote isn't closed");
        assert_eq!(read("/* zone", network).unwrap_err(), "a comment isn't closed");
        assert_eq!(read("} options { };", network).unwrap_err(), "a brace is closed that was never opened");
        assert_eq!(read(&"{".repeat(16000), network).unwrap_err(), "braces are nested too deep");
    }

    #[test]
    fn lists_that_name_themselves_or_double_end() {
        let doubling: String = (1..200).map(|at| format!("acl a{at} {{ a{0}; a{0}; }}; ", at - 1)).collect();
        let config =
            config(&format!("acl a0 {{ a0; 10.0.0.0/8; }}; {doubling} options {{ allow-query {{ a199; }}; }};"));
        assert_eq!(config.allow_query.len(), MOST_RANGES);
    }

    #[test]
    fn named_conf_is_found_among_the_here_documents_of_a_script() {
        let script = "#!/bin/bash\ncat >/etc/other.conf <<'END'\noptions { };\nEND\ncat <<-\"EOF\" > /etc/named.conf\noptions {\n};\n\tEOF\necho 'zone'\n";
        assert_eq!(named_conf(script).unwrap(), "options {\n};\n");
        assert_eq!(named_conf("#!/bin/bash\ndnf install bind\n"), None);
    }
}
