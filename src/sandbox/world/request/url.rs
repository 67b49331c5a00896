//! Where a request goes: an address of the web, and what the sandbox knows of its host.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::model::names::is_within;
use crate::sandbox::resolve::host_name;

/// An address of the web: `https://HOST/PATH?QUERY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// In lower case.
    pub host: String,
    /// As it is sent, from its first slash on.
    pub path: String,
    /// As it is sent, without the question mark.
    pub query: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("https://").ok_or("only https:// leads anywhere here")?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(end);
        let host = host_name(host.strip_suffix(":443").unwrap_or(host))?.to_ascii_lowercase();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = if path.is_empty() { "/" } else { path };
        if rest.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err("it has a space in it".to_owned());
        }
        Ok(Self { host, path: path.to_owned(), query: query.to_owned() })
    }
}

/// As it may be shown: a token in it is nobody's business.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host, self.path)?;
        for (at, part) in self.query.split('&').filter(|part| !part.is_empty()).enumerate() {
            let hidden = part.split_once('=').filter(|(name, _)| name.to_ascii_lowercase().contains("token"));
            let separator = if at == 0 { '?' } else { '&' };
            match hidden {
                Some((name, _)) => write!(f, "{separator}{name}=…")?,
                None => write!(f, "{separator}{part}")?,
            }
        }
        Ok(())
    }
}

impl Url {
    /// The value of a parameter in the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }

    /// The parts of the path between its slashes, as they are sent.
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

/// What a part of a path says.
pub fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// A service of AWS that the sandbox knows by its host names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Where notebooks are opened.
    Studio,
    /// Where APIs of API Gateway are called.
    ExecuteApi,
    /// The API of SageMaker.
    SageMaker,
    /// The API of DynamoDB.
    Dynamodb,
    /// Where user pools sign users in and publish their keys.
    CognitoIdp,
}

impl Service {
    const ALL: [Self; 5] = [Self::Studio, Self::ExecuteApi, Self::SageMaker, Self::Dynamodb, Self::CognitoIdp];

    /// How the names of its endpoints end.
    pub fn label(self) -> &'static str {
        match self {
            Self::Studio => "studio",
            Self::ExecuteApi => "execute-api",
            Self::SageMaker => "sagemaker.api",
            Self::Dynamodb => "dynamodb",
            Self::CognitoIdp => "cognito-idp",
        }
    }

    /// The domains of its hosts in a Region: those of every partition, of which a Region has one.
    fn domains(self, region: &str) -> Vec<String> {
        let with =
            |host: &str, suffix: &str| [format!("{host}.{region}.{suffix}"), format!("{host}.{region}.vpce.{suffix}")];
        let amazonaws = |host: &str| [with(host, "amazonaws.com"), with(host, "amazonaws.com.cn")].concat();
        match self {
            Self::Studio => {
                let mut domains = vec![format!("studio.sagemaker.{region}.app.aws")];
                domains.extend(with("studio", "sagemaker.aws"));
                domains.extend(with("studio", "sagemaker.com.cn"));
                domains
            }
            Self::SageMaker => amazonaws("api.sagemaker"),
            Self::ExecuteApi | Self::Dynamodb | Self::CognitoIdp => amazonaws(self.label()),
        }
    }
}

/// What a host's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Whose it is.
    pub service: Service,
    /// In which Region.
    pub region: String,
    /// Its first label, where it has one of its own.
    pub label: Option<String>,
}

impl Host {
    /// Reads a name, where the sandbox knows whose it is.
    pub fn read(name: &str) -> Option<Self> {
        let is_region = |label: &&str| label.split('-').count() >= 3 && !label.starts_with("vpce-");
        let region = name.split('.').filter(is_region).find(|region| {
            Service::ALL.iter().any(|service| service.domains(region).iter().any(|domain| is_within(name, domain)))
        })?;
        let found = Service::ALL.into_iter().find_map(|service| {
            let domain = service.domains(region).into_iter().find(|domain| is_within(name, domain))?;
            Some((service, domain))
        });
        let (service, domain) = found?;
        let label = name.strip_suffix(&domain)?.trim_end_matches('.');
        Some(Self { service, region: region.to_owned(), label: Some(label.to_owned()).filter(|own| !own.is_empty()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_taken_apart_and_a_token_in_it_is_not_shown() {
        let read = url("https://D-1.studio.us-east-1.sagemaker.aws:443/auth?a=1&token=secret#top");
        assert_eq!((read.host.as_str(), read.path.as_str()), ("d-1.studio.us-east-1.sagemaker.aws", "/auth"));
        assert_eq!(read.parameter("token").as_deref(), Some("secret"));
        assert_eq!(read.to_string(), "https://d-1.studio.us-east-1.sagemaker.aws/auth?a=1&token=…");
        assert_eq!(url("https://example.com").path, "/");
        assert_eq!(url("https://example.com/a%20b//c").segments(), ["a%20b", "c"]);
        assert_eq!(decoded("ann%40corp.example"), "ann@corp.example");
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused() {
        for text in ["http://example.com", "example.com", "https://", "https://a b/", "https://a@b/", "https://a/ b"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_known_by_its_name() {
        for (name, service, region, label) in [
            ("d-1.studio.us-east-1.sagemaker.aws", Service::Studio, "us-east-1", Some("d-1")),
            ("d-1.studio.sagemaker.us-east-1.app.aws", Service::Studio, "us-east-1", Some("d-1")),
            ("a1.execute-api.eu-west-1.amazonaws.com", Service::ExecuteApi, "eu-west-1", Some("a1")),
            ("a1-vpce-1.execute-api.eu-west-1.amazonaws.com", Service::ExecuteApi, "eu-west-1", Some("a1-vpce-1")),
            (
                "vpce-1-x-a.execute-api.eu-west-1.vpce.amazonaws.com",
                Service::ExecuteApi,
                "eu-west-1",
                Some("vpce-1-x-a"),
            ),
            ("api.sagemaker.cn-north-1.amazonaws.com.cn", Service::SageMaker, "cn-north-1", None),
            ("dynamodb.us-gov-west-1.amazonaws.com", Service::Dynamodb, "us-gov-west-1", None),
        ] {
            let host = Host { service, region: region.to_owned(), label: label.map(str::to_owned) };
            assert_eq!(Host::read(name), Some(host), "{name}");
        }
        for name in ["example.com", "s3.us-east-1.amazonaws.com", "studio.us-east-1.example.com"] {
            assert_eq!(Host::read(name), None, "{name}");
        }
    }
}
