//! The record: the resolved plan of a lab, kept in the account itself, as SSM parameters under
//! `/breezeway/labs/NAME/`. It is intent, never state: it holds no resource ids and no secret.
//!
//! The header is one parameter; a plan that doesn't fit beside it is cut into chunks named after its digest, which are
//! written before the header names them and removed after it doesn't.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use aws_sdk_ssm::types::Parameter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::difference::{FieldDifference, leaves};
use super::parameters;
use crate::aws::{Aws, Failure};
use crate::plan::{Plan, PlanError, check};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;
/// Where all labs are kept.
const ROOT: &str = "/breezeway/labs";
/// Standard-tier parameters hold 4 KB: <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>.
const CHUNK: usize = 3500;
/// What of the plan is kept in the header itself.
const INLINE: usize = 2500;
/// No plan is larger than this, unpacked: an answer that is, is refused.
const LARGEST: u64 = 4 << 20;

/// What was asked for, by whom and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// A random id of this lab's life.
    pub lab_id: String,
    /// The ARN of who built it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// The version of Breezeway that wrote the record.
    pub written_by: String,
    /// Those of its images that were chosen when it was built, not asked for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub chosen_images: BTreeSet<String>,
    /// The plan, its defaults filled in and its zones chosen.
    pub plan: Plan,
}

impl Record {
    /// Where a plan says something else than this record, by field. Zones and images that the plan leaves open were
    /// chosen when the lab was built: no difference.
    pub fn differences(&self, plan: &Plan) -> Vec<FieldDifference> {
        let mut plan = plan.clone();
        plan.take_choices(&self.plan);
        let json = |plan: &Plan| serde_json::to_value(plan).unwrap_or_default();
        leaves("", &json(&plan), &json(&self.plan))
    }
}

/// The header parameter.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    written_by: String,
    digest: String,
    chunks: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// What the account keeps of one lab.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Kept {
    /// Every parameter of the lab, by the rest of its name.
    pub parameters: BTreeMap<String, String>,
}

/// Why a record can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A newer version wrote it.
    #[error("the lab's record was written by Breezeway {written_by}, in format {format}; this is {}, which reads up to format {FORMAT}", env!("CARGO_PKG_VERSION"))]
    Newer {
        /// The version that wrote it.
        written_by: String,
        /// Its format.
        format: u32,
    },
    /// It isn't what we wrote.
    #[error("the lab's record can't be read: {0}")]
    Broken(String),
}

fn folder(lab: &str) -> String {
    format!("{ROOT}/{lab}/")
}

fn name(lab: &str, rest: &str) -> String {
    format!("{ROOT}/{lab}/{rest}")
}

/// Reads all that is kept of a lab.
///
/// # Errors
/// The parameters can't be read.
pub async fn read(aws: &Aws, lab: &str) -> Result<Kept, Failure> {
    let folder = folder(lab);
    let found = parameters::list(aws, folder.trim_end_matches('/')).await?;
    let rest = |one: Parameter| Some((one.name?.strip_prefix(&folder)?.to_owned(), one.value?));
    Ok(Kept { parameters: found.into_iter().filter_map(rest).collect() })
}

/// Reads what is kept of every lab in the account and Region, by name.
///
/// # Errors
/// The parameters can't be read.
pub async fn read_all(aws: &Aws) -> Result<BTreeMap<String, Kept>, Failure> {
    let mut labs: BTreeMap<String, Kept> = BTreeMap::new();
    for Parameter { name, value, .. } in parameters::list(aws, ROOT).await? {
        let rest = name.as_deref().and_then(|name| name.strip_prefix(ROOT)?.strip_prefix('/')?.split_once('/'));
        if let (Some((lab, rest)), Some(value)) = (rest, value) {
            labs.entry(lab.to_owned()).or_default().parameters.insert(rest.to_owned(), value);
        }
    }
    Ok(labs)
}

/// Gives a lab back what was kept of it, unless something is kept again.
///
/// # Errors
/// The parameters can't be read or written.
pub async fn put_back(aws: &Aws, lab: &str, kept: &Kept) -> Result<(), Failure> {
    if !read(aws, lab).await?.is_empty() {
        return Ok(());
    }
    // The header, which comes first by name, is written when all that it leads to is there.
    for (rest, value) in kept.parameters.iter().rev() {
        parameters::put(aws, lab, &name(lab, rest), value).await?;
    }
    Ok(())
}

/// Removes some of what is kept of a lab.
///
/// # Errors
/// Whatever the call says.
pub async fn remove(aws: &Aws, lab: &str, rests: Vec<String>) -> Result<(), Failure> {
    parameters::remove(aws, rests.iter().map(|rest| name(lab, rest)).collect()).await
}

impl Kept {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The record, if there is one.
    ///
    /// # Errors
    /// There is one, but it can't be used.
    pub fn record(&self) -> Result<Option<Record>, RecordError> {
        let Some(header) = self.parameters.get("record") else { return Ok(None) };
        let broken = |why: &str| RecordError::Broken(why.to_owned());
        let header: Header = serde_json::from_str(header).map_err(|error| broken(&error.to_string()))?;
        if header.format > FORMAT {
            return Err(RecordError::Newer { written_by: header.written_by, format: header.format });
        }
        let text = match header.body {
            Some(body) => body,
            None => (0..header.chunks)
                .map(|index| self.parameters.get(&chunk_name(&header.digest, index)).map(String::as_str))
                .collect::<Option<String>>()
                .ok_or_else(|| broken("a part of it is missing"))?,
        };
        let bytes = BASE64.decode(&text).map_err(|error| broken(&error.to_string()))?;
        if digest(&bytes) != header.digest {
            return Err(broken("it isn't what was written"));
        }
        let mut json = Vec::new();
        let mut unpacked = ZlibDecoder::new(bytes.as_slice()).take(LARGEST);
        unpacked.read_to_end(&mut json).map_err(|error| broken(&error.to_string()))?;
        let record: Record = serde_json::from_slice(&json).map_err(|error| broken(&error.to_string()))?;
        check(&record.plan).map_err(|error| broken(&first_mistake(&error)))?;
        Ok(Some(record))
    }
}

/// Whoever can write a parameter can write anything into a plan, and hosts run what is made of it.
fn first_mistake(error: &PlanError) -> String {
    error.mistakes.first().map_or_else(|| error.sentence.clone(), |mistake| mistake.sentence.clone())
}

fn chunk_name(digest: &str, index: usize) -> String {
    format!("record/{digest}/{index}")
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn pack(record: &Record) -> Vec<u8> {
    let json = serde_json::to_vec(record).unwrap_or_default();
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory doesn't fail.
    let _ = packed.write_all(&json);
    packed.finish().unwrap_or_default()
}

/// Writes the record, unless it already says the same.
///
/// # Errors
/// A parameter can't be written.
pub async fn write(aws: &Aws, record: &Record, kept: &Kept) -> Result<(), Failure> {
    let lab = &record.plan.name;
    let bytes = pack(record);
    let digest = digest(&bytes);
    let text = BASE64.encode(&bytes);
    let (body, chunks) = if text.len() <= INLINE {
        (Some(text), Vec::new())
    } else {
        let cut = text.as_bytes().chunks(CHUNK).map(|chunk| String::from_utf8_lossy(chunk).into_owned());
        (None, cut.collect::<Vec<_>>())
    };
    let header = Header { format: FORMAT, written_by: record.written_by.clone(), digest, chunks: chunks.len(), body };
    let text = serde_json::to_string(&header).unwrap_or_default();
    let keep: Vec<String> = (0..chunks.len()).map(|index| chunk_name(&header.digest, index)).collect();
    for (rest, chunk) in keep.iter().zip(&chunks) {
        parameters::put(aws, lab, &name(lab, rest), chunk).await?;
    }
    if kept.parameters.get("record") != Some(&text) {
        parameters::put(aws, lab, &name(lab, "record"), &text).await?;
    }
    let old = kept.parameters.keys().filter(|rest| rest.starts_with("record/") && !keep.contains(rest));
    remove(aws, lab, old.cloned().collect()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(header: &str) -> Kept {
        Kept { parameters: [("record".to_owned(), header.to_owned())].into() }
    }

    #[test]
    fn a_newer_record_is_refused_naming_both_versions() {
        let header = r#"{"format": 9, "written_by": "7.1.0", "digest": "", "chunks": 0}"#;
        let error = kept(header).record().unwrap_err().to_string();
        assert!(error.contains("7.1.0") && error.contains(env!("CARGO_PKG_VERSION")), "{error}");
    }

    #[test]
    fn a_torn_record_is_broken_not_absent() {
        assert!(matches!(kept("{").record(), Err(RecordError::Broken(_))));
        let header = r#"{"format": 1, "written_by": "0", "digest": "00", "chunks": 2}"#;
        assert!(matches!(kept(header).record(), Err(RecordError::Broken(_))));
    }
}
