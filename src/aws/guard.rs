//! What of an answer is let through to the SDK: no more than memory takes, and nothing that isn't AWS's. The SDK reads
//! whatever comes, and takes a list that was cut short, or isn't there, for the whole of it.

use std::cell::Cell;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};

use super::failure::printable;

/// The largest answer, in bytes: some times a page of a thousand instances.
const LARGEST: usize = 16 << 20;
/// The largest list, in bytes: all the 10,000 parameters that an account may have of the Standard tier.
const LARGEST_LIST: usize = 64 << 20;

tokio::task_local! {
    /// How many bytes of the list that is being read have come.
    static SO_FAR: Cell<usize>;
}

/// Reads a list, of which more than memory takes is refused.
pub(super) async fn one_list<T>(list: impl Future<Output = T>) -> T {
    SO_FAR.scope(Cell::new(0), list).await
}

/// The HTTP client that the SDK would use by itself, guarded; `trusted` are the certificates to trust instead of the
/// machine's.
pub fn https(trusted: Option<TlsContext>) -> Guard<SharedHttpClient> {
    let proxy = ProxyConfig::from_env();
    Guard(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        let builder = builder.proxy_config(proxy.clone());
        match &trusted {
            Some(trusted) => builder.tls_context(trusted.clone()).build(),
            None => builder.build(),
        }
    }))
}

/// A client or a connector, whose answers are looked at before anybody reads them.
#[derive(Debug, Clone)]
pub struct Guard<T>(pub T);

impl<T: HttpClient> HttpClient for Guard<T> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Guard(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Guard<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let question = Question::of(&request);
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { checked(question, whole(answer.await?).await?) })
    }
}

/// What of a request matters to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// To a service of AWS, by the operation's name, and it changes nothing.
    Read,
    /// The same, by HTTP's own method: such a service may leave an empty list out.
    Get,
    /// To a service of AWS.
    Call,
    /// What credentials are asked for, of something that may not be AWS.
    Other,
}

impl Question {
    fn of(request: &HttpRequest) -> Self {
        let headers = request.headers();
        if !headers.get("authorization").is_some_and(|value| value.starts_with("AWS4-")) {
            return Self::Other;
        }
        let body = request.body().bytes().unwrap_or_default();
        let target = headers.get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let action = body.strip_prefix(b"Action=").and_then(|rest| std::str::from_utf8(rest).ok());
        let reads =
            |operation: &str| ["Describe", "Get", "List", "Scan"].iter().any(|verb| operation.starts_with(verb));
        match target.or(action) {
            Some(operation) if reads(operation) => Self::Read,
            None if request.method() == "GET" => Self::Get,
            _ => Self::Call,
        }
    }
}

/// The answer with its whole body in memory.
async fn whole(answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let too_large = || not_taken(format!("the answer is larger than {} MB", LARGEST >> 20));
    let length = answer.headers().get("content-length").and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST as u64) {
        return Err(too_large());
    }
    let mut answer = answer;
    let body = answer.take_body();
    let bytes = match body.bytes() {
        Some(bytes) if bytes.len() > LARGEST => return Err(too_large()),
        Some(_) => return with_body(answer, body),
        None => match Limited::new(body, LARGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
            Err(error) => return Err(ConnectorError::io(error)),
        },
    };
    with_body(answer, SdkBody::from(bytes))
}

/// Puts the body back, if the list that it is part of may be so large.
fn with_body(mut answer: HttpResponse, body: SdkBody) -> Result<HttpResponse, ConnectorError> {
    let length = body.bytes().map_or(0, <[u8]>::len);
    let so_far = SO_FAR.try_with(|so_far| {
        so_far.set(so_far.get() + length);
        so_far.get()
    });
    if so_far.is_ok_and(|so_far| so_far > LARGEST_LIST) {
        return Err(not_taken(format!("the list is larger than {} MB", LARGEST_LIST >> 20)));
    }
    *answer.body_mut() = body;
    Ok(answer)
}

/// The answer, if it is one. What says that something went wrong the SDK understands well enough.
fn checked(question: Question, answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    if question == Question::Other || !answer.status().is_success() {
        return Ok(answer);
    }
    let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
    match what_is_wrong(question, body.trim().trim_start_matches('\u{feff}').trim_start()) {
        Some(wrong) => Err(not_taken(wrong)),
        None => Ok(answer),
    }
}

/// What is wrong with the body of an answer that says all went well.
fn what_is_wrong(question: Question, body: &str) -> Option<String> {
    if let Some(page) = page(body) {
        return Some(format!("what came is {page}, not AWS's answer: a proxy's, or that of a network to sign in to?"));
    }
    if body.starts_with('<') {
        let content = match content(body) {
            Some(content) => content,
            None => return Some("the answer was cut short".to_owned()),
        };
        return (question != Question::Call && says_nothing(content)).then(|| "the answer says nothing".to_owned());
    }
    let nothing = match question {
        Question::Read => body.trim_matches(['{', '}', ' ', '\n']).is_empty(),
        Question::Get => body.is_empty(),
        Question::Call | Question::Other => false,
    };
    nothing.then(|| "the answer says nothing".to_owned())
}

/// A page for people, by its title.
pub(super) fn page(body: &str) -> Option<String> {
    let start = body.get(..15).unwrap_or(body).to_lowercase();
    if !start.starts_with("<html") && !start.starts_with("<!doctype html") {
        return None;
    }
    let title = body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let title: String = title.map_or("", |(title, _)| title.trim()).chars().take(60).collect();
    Some(if title.is_empty() { "a web page".to_owned() } else { format!("a web page, \"{}\"", printable(&title)) })
}

/// What stands between the tags of an XML document's root; none where the last is missing.
fn content(document: &str) -> Option<&str> {
    let mut rest = document;
    while rest.starts_with("<?") || rest.starts_with("<!") {
        rest = rest.split_once('>')?.1.trim_start();
    }
    let (tag, content) = rest.strip_prefix('<')?.split_once('>')?;
    if tag.ends_with('/') && content.is_empty() {
        return Some("");
    }
    let name = tag.split_whitespace().next()?;
    content.strip_suffix('>')?.trim_end().strip_suffix(name)?.strip_suffix("</")
}

/// Whether the first thing in it, its wrapping taken off, is nothing but the request's id.
fn says_nothing(content: &str) -> bool {
    let mut rest = content.trim_start();
    loop {
        let Some((tag, after)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) else { return true };
        let name = tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default();
        rest = match name {
            "requestId" | "RequestId" | "ResponseMetadata" => {
                after.split_once(&format!("</{name}>")).map_or("", |(_, after)| after).trim_start()
            }
            _ if name.ends_with("Result") && !tag.ends_with('/') => after.trim_start(),
            _ => return name.starts_with('/') || name.ends_with("Result"),
        };
    }
}

/// The outcome is unknown: something came, but it isn't an answer.
fn not_taken(why: String) -> ConnectorError {
    ConnectorError::io(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with what is answered to a read.
    fn wrong(body: &str) -> Option<String> {
        what_is_wrong(Question::Read, body)
    }

    #[test]
    fn answers_of_aws_are_let_through() {
        for body in [
            "<?xml version=\"1.0\"?>\n<DescribeVpcsResponse xmlns=\"http://ec2\"><requestId>1</requestId><vpcSet/></DescribeVpcsResponse>",
            "<ListRolesResponse><ListRolesResult><Roles/></ListRolesResult><ResponseMetadata/></ListRolesResponse>",
            "<ListHostedZonesResponse><HostedZones></HostedZones></ListHostedZonesResponse>",
            "{\"Parameters\": []}",
            // Not an object: the SDK will say so.
            "[",
        ] {
            assert_eq!(wrong(body), None, "{body}");
        }
        let done = "<DeleteVpcResponse><requestId>1</requestId></DeleteVpcResponse>";
        for body in ["", "{}", done] {
            assert_eq!(what_is_wrong(Question::Call, body), None);
        }
        assert_eq!(what_is_wrong(Question::Get, "{}"), None);
    }

    #[test]
    fn what_says_nothing_is_no_empty_list() {
        for body in [
            "",
            "{ }",
            "<DescribeVpcsResponse/>",
            "<DescribeVpcsResponse><requestId>1</requestId></DescribeVpcsResponse>",
            "<ListRolesResponse><ListRolesResult/><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></ListRolesResponse>",
            "<ListRolesResponse><ListRolesResult> </ListRolesResult></ListRolesResponse>",
        ] {
            assert_eq!(wrong(body).as_deref(), Some("the answer says nothing"), "{body}");
        }
        assert_eq!(what_is_wrong(Question::Get, "").as_deref(), Some("the answer says nothing"));
    }

    #[test]
    fn a_list_that_was_cut_short_is_none() {
        let whole = "<DescribeVpcsResponse><vpcSet><item>1</item><item>2</item></vpcSet></DescribeVpcsResponse>";
        for end in 1..whole.len() {
            assert_eq!(wrong(&whole[..end]).as_deref(), Some("the answer was cut short"), "{}", &whole[..end]);
        }
        assert_eq!(wrong(whole), None);
    }

    #[test]
    fn a_page_of_a_network_to_sign_in_to_is_named() {
        let page = "<!DOCTYPE html>\n<html><head><title>Hotel \u{1b}[31mWiFi</title></head></html>";
        let said = "what came is a web page, \"Hotel  [31mWiFi\", not AWS's answer: a proxy's, or that of a network to sign in to?";
        assert_eq!(what_is_wrong(Question::Call, page).as_deref(), Some(said));
    }
}
