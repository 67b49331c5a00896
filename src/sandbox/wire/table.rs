//! The tables that say how each service writes its operations, one text file per service.
//!
//! A table is a list of lines; `generate.py` writes them.
//!
//! ```text
//! service ec2                          the signing name
//! protocol ec2                         ec2, query, json, rest-json or rest-xml
//! version 2016-11-15
//! namespace http://…                   of the XML protocols
//! target AmazonSSM                     of the json protocol, with its version: json 1.1
//! unlisted AcceptAddressTransfer …     operations that AWS has and this table lacks
//! route GetStage GET /restapis/{restapi_id}/stages/{stage_name}      of the REST protocols
//! operation CreateVpc CreateVpcRequest CreateVpcResult      `-` for no input or no output
//! error NoSuchHostedZone 404           a code, its HTTP status, and with rest-json the members that say more
//! structure CreateVpcRequest           its members follow, indented
//!   TagSpecifications TagSpecificationList request=TagSpecification response=tagSpecificationSet
//!   VpcId string required
//! list TagList Tag max=50              item=NAME: the element's name; flat: no element around the items
//! map Labels string string             flat as above
//! string roleNameType min=1 max=64 pattern=[\w+=,.@-]+
//! ```
//!
//! `request` and `response` are a member's names on the wire where they are not its own; `in=path`, `query`,
//! `header`, `status` and `payload` say where it stands, if not in the body. An operation may have `status=201`, the
//! HTTP status of its answers, and be `unsigned`. `enum=A,B` and `pattern=…` reach to the end of their line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::HttpRequest;
use super::constraints::Pattern;
use super::route::{Labels, Route};
use crate::sandbox::api::ApiError;

/// How a service puts calls and answers into HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Form parameters in, XML out, in EC2's own dialect.
    Ec2,
    /// Form parameters in, XML out.
    Query,
    /// JSON both ways, the operation in `X-Amz-Target`.
    Json,
    /// JSON both ways, the operation in method and path.
    RestJson,
    /// XML both ways, the operation in method and path.
    RestXml,
}

/// What the wire knows of one service.
#[derive(Debug)]
pub(super) struct Service {
    /// The name that requests are signed for: `ec2`.
    pub name: &'static str,
    pub protocol: Protocol,
    /// The API's version: `2016-11-15`.
    pub version: &'static str,
    /// The XML namespace of answers; empty with JSON.
    pub namespace: &'static str,
    /// What precedes the operation in `X-Amz-Target`; empty but with the json protocol.
    pub target: &'static str,
    /// The json protocol's version: `1.1`; empty with the others.
    pub json_version: &'static str,
    operations: BTreeMap<&'static str, Operation>,
    unlisted: BTreeSet<&'static str>,
    routes: Vec<(&'static str, Route)>,
    errors: BTreeMap<&'static str, ErrorForm>,
    shapes: Vec<Shape>,
}

/// One operation, with the structures it takes and answers.
#[derive(Debug)]
pub(super) struct Operation {
    pub name: &'static str,
    pub input: Option<ShapeId>,
    pub output: Option<ShapeId>,
    /// The HTTP status of its answers.
    pub status: u16,
    /// Whether clients don't sign it.
    pub unsigned: bool,
}

/// How an error is said.
#[derive(Debug)]
struct ErrorForm {
    status: u16,
    members: Vec<&'static str>,
}

/// Where a shape stands in its service's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeId(usize);

/// A type of the service's model.
#[derive(Debug)]
pub(super) struct Shape {
    pub kind: Kind,
    /// The least value of a number, or the least length of anything else.
    pub min: Option<i64>,
    /// The greatest value or length.
    pub max: Option<i64>,
    /// The only values allowed; empty where all are.
    pub values: Vec<&'static str>,
    /// What a string must match from its beginning to its end.
    pub pattern: Option<Pattern>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Structure(Vec<Member>),
    List { item: ShapeId, name: Option<&'static str>, flat: bool },
    Map { key: ShapeId, value: ShapeId, flat: bool },
    String,
    Integer,
    Long,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

/// A member of a structure.
#[derive(Debug)]
pub(super) struct Member {
    pub name: &'static str,
    /// Its name in requests.
    pub request: &'static str,
    /// Its name in answers.
    pub response: &'static str,
    pub required: bool,
    pub place: Place,
    pub shape: ShapeId,
}

/// Where a member of an operation's input or output stands in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the body, by its name.
    Body,
    /// It is the body.
    Payload,
    /// In the request's path.
    Path,
    /// In the request's query string.
    Query,
    /// In a header.
    Header,
    /// It is the answer's status.
    Status,
}

static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| {
    [
        include_str!("models/apigateway.txt"),
        include_str!("models/cognito-idp.txt"),
        include_str!("models/dynamodb.txt"),
        include_str!("models/ec2.txt"),
        include_str!("models/elasticfilesystem.txt"),
        include_str!("models/iam.txt"),
        include_str!("models/lambda.txt"),
        include_str!("models/logs.txt"),
        include_str!("models/route53.txt"),
        include_str!("models/route53resolver.txt"),
        include_str!("models/sagemaker.txt"),
        include_str!("models/ssm.txt"),
        include_str!("models/sts.txt"),
    ]
    .into_iter()
    .map(|text| Service::parse(text).expect("the tables are compiled in and tested"))
    .collect()
});

/// All services that the wire knows.
pub(super) fn services() -> &'static [Service] {
    &SERVICES
}

/// The service that requests are signed for by this name.
pub(super) fn service(signing_name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == signing_name)
}

impl Service {
    /// Reads a table. The error names the line that it can't be read at.
    pub(super) fn parse(text: &'static str) -> Result<Self, String> {
        let mut service = Service {
            name: "",
            protocol: Protocol::Query,
            version: "",
            namespace: "",
            target: "",
            json_version: "",
            operations: BTreeMap::new(),
            unlisted: BTreeSet::new(),
            routes: Vec::new(),
            errors: BTreeMap::new(),
            shapes: Vec::new(),
        };
        let ids = shape_ids(text);
        service.shapes.extend(SCALARS.iter().filter_map(|name| scalar(name)).map(Shape::unconstrained));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            service.read_line(line, &ids).ok_or_else(|| format!("the table has a line that can't be read: {line}"))?;
        }
        Ok(service)
    }

    /// Takes one line in; `None` if it can't be read.
    fn read_line(&mut self, line: &'static str, ids: &BTreeMap<&str, ShapeId>) -> Option<()> {
        if let Some(member) = line.strip_prefix("  ") {
            let Kind::Structure(members) = &mut self.shapes.last_mut()?.kind else { return None };
            members.push(Member::parse(member, ids)?);
            return Some(());
        }
        let (word, rest) = line.split_once(' ')?;
        match word {
            "service" => self.name = rest,
            "protocol" => {
                self.protocol = match rest {
                    "ec2" => Protocol::Ec2,
                    "query" => Protocol::Query,
                    "json" => Protocol::Json,
                    "rest-json" => Protocol::RestJson,
                    "rest-xml" => Protocol::RestXml,
                    _ => return None,
                }
            }
            "version" => self.version = rest,
            "namespace" => self.namespace = rest,
            "target" => self.target = rest,
            "json" => self.json_version = rest,
            "unlisted" => self.unlisted.extend(rest.split(' ')),
            "route" => {
                let (name, way) = rest.split_once(' ')?;
                self.routes.push((name, Route::parse(way)?));
            }
            "operation" => {
                let operation = Operation::parse(rest, ids)?;
                self.operations.insert(operation.name, operation);
            }
            "error" => {
                let mut words = rest.split(' ');
                let (code, status) = (words.next()?, words.next()?.parse().ok()?);
                self.errors.insert(code, ErrorForm { status, members: words.collect() });
            }
            _ => self.shapes.push(Shape::parse(word, rest, ids)?),
        }
        Some(())
    }

    pub(super) fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(name)
    }

    /// The names of all operations.
    pub(super) fn operations(&self) -> impl Iterator<Item = &'static str> {
        self.operations.keys().copied()
    }

    /// The operation of this name; `None` if AWS has none such.
    ///
    /// # Errors
    ///
    /// `NotImplemented` for what AWS has and this table lacks.
    pub(super) fn find(&self, name: &str) -> Result<Option<&Operation>, ApiError> {
        if self.unlisted.contains(name) {
            let message = format!("The sandbox has no operation {name} of the service {}.", self.name);
            return Err(ApiError::new("NotImplemented", message).with_status(501));
        }
        Ok(self.operation(name))
    }

    /// The name of the operation that a request means by its method and path, and what the path says besides.
    pub(super) fn way(&self, request: &HttpRequest<'_>) -> Option<(&'static str, Labels)> {
        let ways = self.routes.iter().filter_map(|(name, route)| Some((route, *name, route.labels(request)?)));
        ways.max_by_key(|(route, ..)| route.specificity()).map(|(_, name, labels)| (name, labels))
    }

    /// The way that requests of an operation go.
    pub(super) fn way_of(&self, operation: &str) -> Option<&Route> {
        self.routes.iter().find(|(name, _)| *name == operation).map(|(_, route)| route)
    }

    /// The HTTP status of a refusal: what the model says of its code, unless the world says otherwise.
    pub(super) fn status_of(&self, error: &ApiError) -> u16 {
        match self.errors.get(error.code.as_str()) {
            Some(form) if error.status == ApiError::STATUS => form.status,
            _ => error.status,
        }
    }

    /// The members of an error of rest-json.
    pub(super) fn error_members(&self, code: &str) -> &[&'static str] {
        self.errors.get(code).map_or(&["message"], |form| &form.members)
    }

    pub(super) fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }

    /// The members of a structure; none of anything else.
    pub(super) fn members(&self, id: ShapeId) -> &[Member] {
        match &self.shape(id).kind {
            Kind::Structure(members) => members,
            _ => &[],
        }
    }
}

impl Operation {
    /// Reads what follows the word `operation`.
    fn parse(line: &'static str, ids: &BTreeMap<&str, ShapeId>) -> Option<Self> {
        let mut words = line.split(' ');
        let name = words.next()?;
        let mut side = || match words.next()? {
            "-" => Some(None),
            shape => ids.get(shape).copied().map(Some),
        };
        let mut operation = Operation { name, input: side()?, output: side()?, status: 200, unsigned: false };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("status", number) => operation.status = number.parse().ok()?,
                ("unsigned", "") => operation.unsigned = true,
                _ => return None,
            }
        }
        Some(operation)
    }
}

/// The types that need no line of their own.
const SCALARS: [&str; 7] = ["string", "integer", "long", "double", "boolean", "timestamp", "blob"];

fn scalar(name: &str) -> Option<Kind> {
    Some(match name {
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "double" => Kind::Double,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "blob" => Kind::Blob,
        _ => return None,
    })
}

/// Numbers the shapes in the order in which they will be read, so that a line may name a later one.
fn shape_ids(text: &'static str) -> BTreeMap<&'static str, ShapeId> {
    let defined = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let word = words.next()?;
        let is_shape = scalar(word).is_some() || matches!(word, "structure" | "list" | "map");
        is_shape.then(|| words.next()).flatten()
    });
    SCALARS.into_iter().chain(defined).enumerate().map(|(index, name)| (name, ShapeId(index))).collect()
}

impl Shape {
    fn unconstrained(kind: Kind) -> Self {
        Shape { kind, min: None, max: None, values: Vec::new(), pattern: None }
    }

    /// Reads what follows the word that says what kind of shape it is.
    fn parse(word: &str, rest: &'static str, ids: &BTreeMap<&str, ShapeId>) -> Option<Self> {
        // A pattern may hold spaces.
        let (rest, pattern) = match rest.split_once(" pattern=") {
            Some((rest, pattern)) => (rest, Some(Pattern::new(pattern)?)),
            None => (rest, None),
        };
        let mut words = rest.split(' ');
        let _name = words.next()?;
        let mut reference = || ids.get(words.next()?).copied();
        let kind = match word {
            "structure" => Kind::Structure(Vec::new()),
            "list" => Kind::List { item: reference()?, name: None, flat: false },
            "map" => Kind::Map { key: reference()?, value: reference()?, flat: false },
            _ => scalar(word)?,
        };
        let mut shape = Shape { pattern, ..Shape::unconstrained(kind) };
        for word in words {
            match (word.split_once('=').unwrap_or((word, "")), &mut shape.kind) {
                (("flat", ""), Kind::List { flat, .. } | Kind::Map { flat, .. }) => *flat = true,
                (("item", item), Kind::List { name, .. }) => *name = Some(item),
                (("min", number), _) => shape.min = Some(number.parse().ok()?),
                (("max", number), _) => shape.max = Some(number.parse().ok()?),
                (("enum", values), Kind::String) => shape.values = values.split(',').collect(),
                _ => return None,
            }
        }
        Some(shape)
    }
}

impl Member {
    fn parse(line: &'static str, ids: &BTreeMap<&str, ShapeId>) -> Option<Self> {
        let mut words = line.split(' ');
        let name = words.next()?;
        let shape = *ids.get(words.next()?)?;
        let mut member = Member { name, request: name, response: name, required: false, place: Place::Body, shape };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("required", "") => member.required = true,
                ("request", wire) => member.request = wire,
                ("response", wire) => member.response = wire,
                ("in", place) => {
                    member.place = match place {
                        "payload" => Place::Payload,
                        "path" => Place::Path,
                        "query" => Place::Query,
                        "header" => Place::Header,
                        "status" => Place::Status,
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        Some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::api::Call;

    #[test]
    fn every_table_that_ships_can_be_read() {
        let names: Vec<_> = services().iter().map(|service| service.name).collect();
        assert_eq!(
            names,
            [
                "apigateway",
                "cognito-idp",
                "dynamodb",
                "ec2",
                "elasticfilesystem",
                "iam",
                "lambda",
                "logs",
                "route53",
                "route53resolver",
                "sagemaker",
                "ssm",
                "sts",
            ]
        );
    }

    #[test]
    fn an_operation_is_listed_or_unlisted_but_not_both() {
        for service in services() {
            assert!(!service.operations.is_empty(), "{}", service.name);
            assert!(service.operations.keys().all(|operation| !service.unlisted.contains(operation)));
            if matches!(service.protocol, Protocol::RestJson | Protocol::RestXml) {
                let routed: BTreeSet<_> = service.routes.iter().map(|(name, _)| *name).collect();
                assert_eq!(routed, service.operations.keys().chain(&service.unlisted).copied().collect());
            }
        }
        let ec2 = service("ec2").unwrap();
        assert!(ec2.find("CreateVpc").unwrap().is_some());
        assert_eq!(ec2.find("CreateCarrierGateway").unwrap_err().status, 501);
        assert!(ec2.find("MakeTea").unwrap().is_none());
    }

    #[test]
    fn an_operation_is_a_read_where_it_is_a_get() {
        for service in services() {
            let listed = service.routes.iter().filter(|(name, _)| service.operations.contains_key(name));
            for (name, route) in listed {
                let call = Call { operation: (*name).to_owned(), ..Call::default() };
                assert_eq!(call.is_read(), route.method == "GET" || *name == "ListTagsForResources", "{name}");
            }
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for text in [
            "colour blue",
            "  Member string",
            "structure S\n  Member unheard-of",
            "structure S\n  Member string location=uri",
            "structure S\n  Member string in=space",
            "string S min=few",
            "string S pattern=[",
            "protocol telepathy",
            "operation Op Missing -",
            "operation Op - - -",
            "operation Op - - status=fine",
            "route Op GET nowhere",
            "error Code few",
        ] {
            let error = Service::parse(text).unwrap_err();
            assert!(error.contains(text.lines().last().unwrap()), "{error}");
        }
    }

    #[test]
    fn a_pattern_reaches_to_the_end_of_its_line() {
        let service = Service::parse("string S min=1 max=9 pattern=[a b] max=2").unwrap();
        let shape = service.shapes.last().unwrap();
        assert_eq!((shape.min, shape.max), (Some(1), Some(9)));
        assert_eq!(shape.pattern.as_ref().unwrap().source, "[a b] max=2");
    }
}
