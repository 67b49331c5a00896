//! The portal's own code, which runs in Lambda, and the packages that it is deployed in.
//!
//! A package is a zip archive without compression: the same code gives the same bytes, so the same digest, whoever packs
//! it and when.

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use flate2::Crc;
use sha2::{Digest, Sha256};

/// A program of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Makes a presigned URL for whoever is signed in.
    Presign,
    /// Says who is signed in.
    Authorizer,
}

/// A program as it is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The archive.
    pub zip: Vec<u8>,
    /// Its digest in base64, as Lambda says it.
    pub sha256: String,
}

impl Program {
    /// All programs.
    pub const ALL: [Self; 2] = [Self::Presign, Self::Authorizer];

    /// Its name, and that of its file without `.py`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Presign => "presign",
            Self::Authorizer => "authorizer",
        }
    }

    /// What Lambda calls: `FILE.FUNCTION`.
    pub fn handler(self) -> String {
        format!("{}.handler", self.name())
    }

    fn source(self) -> &'static str {
        match self {
            Self::Presign => include_str!("presign.py"),
            Self::Authorizer => include_str!("authorizer.py"),
        }
    }

    /// The program as it is deployed.
    pub fn package(self) -> Package {
        let zip = zip(&format!("{}.py", self.name()), self.source().as_bytes());
        let sha256 = BASE64.encode(Sha256::digest(&zip));
        Package { zip, sha256 }
    }
}

/// The page, as a template of API Gateway: what differs between portals is in stage variables, and its script is known
/// by its digest, so that no other runs.
pub fn page() -> String {
    let page = include_str!("page.html");
    let script =
        page.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>")).map(|(script, _)| script);
    let digest = BASE64.encode(Sha256::digest(script.unwrap_or_default()));
    page.replace("SCRIPT-DIGEST", &format!("sha256-{digest}"))
}

/// The archive with this digest.
pub fn by_digest(sha256: &str) -> Option<Vec<u8>> {
    let packages = Program::ALL.into_iter().map(Program::package);
    packages.into_iter().find(|package| package.sha256 == sha256).map(|package| package.zip)
}

/// Version 2.0 of the format can read it, made on Unix: that is where a file's mode is from.
const MADE_BY: u16 = 3 << 8 | 20;
const NEEDS: u16 = 20;
/// The first day that the format knows, 1 January 1980; time 0 is midnight.
const DAY: u16 = 1 << 5 | 1;
/// A plain file that everybody may read, as Lambda asks.
const MODE: u32 = 0o100_644 << 16;

/// An archive of one file, stored as it is: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3.
fn zip(name: &str, data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(data);
    let (size, name_length) = (data.len() as u32, name.len() as u16);

    // What the headers before the file and in the directory have in common.
    let mut common = Vec::new();
    for short in [NEEDS, 0, 0, 0, DAY] {
        common.extend(short.to_le_bytes());
    }
    for long in [crc.sum(), size, size] {
        common.extend(long.to_le_bytes());
    }
    common.extend(name_length.to_le_bytes());
    common.extend([0; 2]);

    let mut archive = b"PK\x03\x04".to_vec();
    archive.extend(&common);
    archive.extend(name.as_bytes());
    archive.extend(data);

    let directory = archive.len() as u32;
    archive.extend(b"PK\x01\x02");
    archive.extend(MADE_BY.to_le_bytes());
    archive.extend(&common);
    archive.extend([0; 6]);
    archive.extend(MODE.to_le_bytes());
    archive.extend([0; 4]);
    archive.extend(name.as_bytes());

    let directory_size = archive.len() as u32 - directory;
    archive.extend(b"PK\x05\x06");
    archive.extend([0; 4]);
    archive.extend(1u16.to_le_bytes());
    archive.extend(1u16.to_le_bytes());
    archive.extend(directory_size.to_le_bytes());
    archive.extend(directory.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_package_is_found_by_its_digest() {
        for program in Program::ALL {
            let package = program.package();
            assert_eq!(package, program.package());
            assert_eq!(by_digest(&package.sha256), Some(package.zip));
        }
        assert_eq!(by_digest("somebody else's"), None);
    }

    #[test]
    fn python_reads_what_is_packed() {
        let folder = tempfile::tempdir().unwrap();
        for program in Program::ALL {
            let path = folder.path().join(program.name());
            std::fs::write(&path, program.package().zip).unwrap();
            let script = "import sys, zipfile\n\
                          archive = zipfile.ZipFile(sys.argv[1])\n\
                          assert archive.testzip() is None\n\
                          [entry] = archive.infolist()\n\
                          assert entry.date_time == (1980, 1, 1, 0, 0, 0), entry.date_time\n\
                          assert entry.external_attr >> 16 == 0o100644\n\
                          sys.stdout.write(entry.filename + '\\n' + archive.read(entry).decode())";
            let read = Command::new("python3").arg("-c").arg(script).arg(&path).output().unwrap();
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
            let expected = format!("{}.py\n{}", program.name(), program.source());
            assert_eq!(String::from_utf8(read.stdout).unwrap(), expected);
        }
    }
}
