//! A key pair, imported from the user's public key:
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-key-pairs.html>. Output `name`.

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{KeyPairInfo, ResourceType};
use serde::{Deserialize, Serialize};

use super::{Creation, Kind, Listing, Observed, Operations, Query, Resource, Seconds, Spec, ec2};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What a key pair is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPair {
    /// Unique in the account and Region; should it lose its tags, its lab is known by it.
    pub name: String,
    /// The public key in OpenSSH's form without its comment: `ssh-rsa AAAA…`.
    pub public_key: String,
}

impl Resource for KeyPair {
    const ROOT: bool = true;
    const OPERATIONS: Operations =
        Operations { service: "ec2", create: "ImportKeyPair", change: "ImportKeyPair", delete: "DeleteKeyPair" };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.clone())
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let tags = ec2::tag_specification(ResourceType::KeyPair, &with.tags);
        let answer = aws
            .write("ec2", "ImportKeyPair", || {
                let call = aws.ec2.import_key_pair().key_name(&self.name);
                let call = call.public_key_material(Blob::new(self.public_key.as_bytes()));
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        let id = answer
            .key_pair_id()
            .ok_or_else(|| Failure::here("ImportKeyPair", Class::UnknownOutcome, "no key pair in the answer"))?;
        Ok(observed(id, with.tags.clone(), self.clone()))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::KeyPair(pair) = &observed.spec else { return Ok(()) };
        let call = || aws.ec2.delete_key_pair().key_name(&pair.name).send();
        aws.write("ec2", "DeleteKeyPair", call).await.map(drop)
    }
}

fn observed(id: &str, tags: Tags, pair: KeyPair) -> Observed {
    let name = pair.name.clone();
    let mut observed = Observed::standing(id, tags, pair);
    observed.outputs.insert("name".into(), name);
    observed
}

fn read(pair: &KeyPairInfo) -> Option<Observed> {
    let public_key = without_comment(pair.public_key()?);
    let spec = KeyPair { name: pair.key_name()?.to_owned(), public_key };
    Some(observed(pair.key_pair_id()?, ec2::read_tags(pair.tags()), spec))
}

/// `TYPE BASE64`: AWS appends the pair's name, users append their own.
fn without_comment(public_key: &str) -> String {
    public_key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Lists key pairs, in one unpaged call. One whose public key AWS doesn't give is unreadable.
///
/// # Errors
/// The list could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filter = match query {
        Query::Lab(lab) => ec2::filter("key-name", [&lab.key_pair]),
        Query::Ids(ids) => ec2::filter("key-pair-id", ids),
        Query::Inside(_) => return Ok(Listing::default()),
    };
    let call = || aws.ec2.describe_key_pairs().filters(filter.clone()).include_public_key(true).send();
    let answer = aws.read("ec2", "DescribeKeyPairs", call).await?;
    let mut listing = Listing::default();
    for pair in answer.key_pairs() {
        match read(pair) {
            Some(pair) => listing.found.push(pair),
            None => {
                let message = format!("no public key of {}", pair.key_name().unwrap_or_default());
                let failure = Failure::here("DescribeKeyPairs", Class::UnknownOutcome, message);
                listing.unreadable.push((Kind::KeyPair, failure));
            }
        }
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_the_same_whatever_its_comment() {
        assert_eq!(without_comment("ssh-rsa AAAAB3Nz breezeway-demo\n"), "ssh-rsa AAAAB3Nz");
        assert_eq!(without_comment("ssh-rsa AAAAB3Nz"), "ssh-rsa AAAAB3Nz");
    }
}
