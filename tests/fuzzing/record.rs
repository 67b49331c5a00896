//! What the account keeps of a lab: the record, cut in chunks and compressed, and the leases of its lock. The first byte
//! says what the others are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breezeway::engine::lock::Lease;
use breezeway::engine::record::{Kept, Record};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

use super::{parts, plan, said};

pub fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let kept = match kind {
        // The record itself: what is packed well may still say anything.
        b'{' => packed(&compressed(&[b"{", bytes].concat())),
        // What should be compressed.
        b'z' => packed(bytes),
        // Parameters, name and value in turn.
        _ => raw(&parts(bytes)),
    };
    for value in kept.parameters.values() {
        drop(serde_json::from_str::<Lease>(value));
    }
    match kept.record() {
        Ok(Some(Record { plan, .. })) => plan::used(plan),
        Ok(None) => {}
        Err(error) => said(&error.to_string()),
    }
}

fn compressed(json: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(json).expect("memory takes it");
    packed.finish().expect("memory takes it")
}

/// The parameters of a record with this content, cut as it would be.
fn packed(content: &[u8]) -> Kept {
    let digest: String = Sha256::digest(content).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let text = BASE64.encode(content).into_bytes();
    let chunks: Vec<_> = text.chunks(3500).map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect();
    let header = serde_json::json!({"format": 1, "written_by": "0", "digest": digest, "chunks": chunks.len()});
    let chunks = chunks.into_iter().enumerate().map(|(index, chunk)| (format!("record/{digest}/{index}"), chunk));
    Kept { parameters: chunks.chain([("record".to_owned(), header.to_string())]).collect() }
}

fn raw(parts: &[&[u8]]) -> Kept {
    let text = |part: &&[u8]| String::from_utf8_lossy(part).into_owned();
    let parameters = parts.chunks(2).filter_map(|pair| Some((text(pair.first()?), text(pair.get(1)?))));
    Kept { parameters: parameters.collect() }
}
