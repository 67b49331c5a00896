//! Public keys, and private ones that must not be where they are.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use super::mistake::{Fault, quoted};
use super::source::open_file;

/// The largest file of a public key, in bytes: ten times what one of 4096 bits needs.
const LARGEST: u64 = 8192;

/// A public RSA key in OpenSSH's form, without its comment. No error shows what the text is.
///
/// EC2 encrypts the Administrator's password with it, which no other kind of key can do:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-key-pairs.html>.
pub(super) fn public_key(text: &str) -> Result<String, Fault> {
    const RSA: &str = "make one with: ssh-keygen -t rsa -b 4096";
    if !private_keys(text).is_empty() {
        return Err(Fault::new("This is a private key", "give the public one: `ssh-keygen -y -f FILE` prints it"));
    }
    let kind = text.split_whitespace().next().unwrap_or_default();
    let other = ["ssh-ed25519", "sk-", "ecdsa-", "ssh-dss"].into_iter().find(|other| kind.starts_with(other));
    if let Some(other) = other {
        let name = match other {
            "ssh-ed25519" => "an ED25519",
            "ssh-dss" => "a DSA",
            "ecdsa-" => "an ECDSA",
            _ => "a security",
        };
        return Err(Fault::new(format!("This is {name} key: for Windows, EC2 takes RSA keys only"), RSA));
    }
    let not_openssh = || {
        let sentence = "This is not a public RSA key in OpenSSH's form";
        Fault::new(
            sentence,
            "it is one line, \"ssh-rsa AAAA…\": `ssh-keygen -y -f FILE` prints it from the private key",
        )
    };
    let mut key = PublicKey::from_openssh(text.trim()).map_err(|_| not_openssh())?;
    let KeyData::Rsa(rsa) = key.key_data() else { return Err(not_openssh()) };
    let modulus = rsa.n.as_positive_bytes().ok_or_else(not_openssh)?;
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !(2048..=4096).contains(&bits) {
        return Err(Fault::new(format!("This RSA key has {bits} bits; 2048 to 4096 are needed"), RSA));
    }
    key.set_comment("");
    key.to_openssh().map_err(|_| not_openssh())
}

/// The public key in a file, whose path is taken from `folder`, or from the home folder where it begins with `~/`.
pub(super) fn read_public_key(path: &str, folder: &Path) -> Result<String, Fault> {
    let unreadable = |why: String| {
        Fault::new(
            format!("{} can't be read: {why}", quoted(path)),
            "name the file of your public key: ~/.ssh/id_rsa.pub",
        )
    };
    let found = match path.strip_prefix("~/") {
        Some(rest) => {
            PathBuf::from(std::env::var_os("HOME").ok_or_else(|| unreadable("HOME is not set".into()))?).join(rest)
        }
        None => folder.join(path),
    };
    let mut text = String::new();
    let reading = open_file(&found).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    reading.map_err(|error| unreadable(error.to_string()))?;
    public_key(&text).map_err(|fault| Fault::new(format!("{}: {}", quoted(path), fault.sentence), fault.hint))
}

/// Where a text holds private keys, with or without the lines around them.
pub(super) fn private_keys(text: &str) -> Vec<Range<usize>> {
    let mut keys = keys_with_headers(text);
    let bare = bare_keys(text).into_iter().filter(|bare| !keys.iter().any(|key| key.contains(&bare.start)));
    let bare: Vec<_> = bare.collect();
    keys.extend(bare);
    keys
}

/// Each key from the words that begin it to the end of the line that ends it, or else of the text.
fn keys_with_headers(text: &str) -> Vec<Range<usize>> {
    /// What begins a key, in PEM, as OpenPGP and SSH2 write it and as PuTTY keeps it, and what ends it.
    const FORMS: [(&str, &str); 4] = [
        ("PRIVATE KEY-----", "-----END"),
        ("PRIVATE KEY BLOCK-----", "-----END"),
        ("PRIVATE KEY ----", "---- END"),
        ("PuTTY-User-Key-File", "Private-MAC"),
    ];
    let mut keys = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        if open.is_none()
            && let Some((begin, end)) = FORMS.iter().find(|(begin, _)| line.contains(begin))
            && let Some((before, after)) = line.split_once(begin)
        {
            open = Some((at + header_start(before), end));
            rest = after;
        }
        if let Some((start, end)) = open
            && rest.contains(end)
        {
            keys.push(start..at + line.trim_end().len());
            open = None;
        }
        at += line.len();
    }
    keys.extend(open.map(|(start, _)| start..text.len()));
    keys
}

/// Where the dashes and the word that begin a header stand in what comes before its end.
fn header_start(before: &str) -> usize {
    let Some(begin) = before.rfind("BEGIN") else { return before.len() };
    let dashes = &before[..begin];
    dashes.strip_suffix(' ').unwrap_or(dashes).trim_end_matches('-').len()
}

/// Keys that nothing says to be one but their own first bytes: each to the end of its line and of those after it that
/// are base64 alone.
fn bare_keys(text: &str) -> Vec<Range<usize>> {
    let mut keys: Vec<Range<usize>> = Vec::new();
    let mut within = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.trim_end().len();
        let word = line.trim_matches(|c: char| c.is_whitespace() || "#\"',".contains(c));
        let goes_on = within && !word.is_empty() && word.bytes().all(is_base64);
        let start = bare_start(line).map(|start| at + start);
        match keys.last_mut().filter(|_| goes_on) {
            Some(key) => key.end = end,
            None => keys.extend(start.map(|start| start..end)),
        }
        within = goes_on || start.is_some();
        at += line.len();
    }
    keys
}

/// Where in a line a key's first bytes stand: OpenSSH's form, or DER with a version number where a private key of RSA
/// (PKCS #1 and #8), of elliptic curves or of Ed25519 has it.
fn bare_start(line: &str) -> Option<usize> {
    const BEGINNINGS: [&str; 4] = ["b3BlbnNzaC1rZXk", "MHcCAQEE", "MIGHAgEA", "MC4CAQAw"];
    let rsa = line.match_indices("MII").map(|(at, _)| at).find(|at| line.get(at + 6..at + 9) == Some("IBA"));
    rsa.or_else(|| BEGINNINGS.iter().find_map(|beginning| line.find(beginning)))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

#[cfg(test)]
pub(super) mod testing {
    /// A public key of 2048 bits, without a comment.
    pub const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCspAo0VBR7oGbGvAJLYDy03UEANgADTJcDFFk4EO7uOtAd7WwGKWZTAiKwtygbhjFcbbsvOhOUKwZdWGpEjmsT2+cKOZ8Yhjx4CrOhbmZpV1f6vvXhKb1Dj4qFayJfx4AgLVY+pZ++15Ljf/dOwH/pPsyfaU1mnKNL8eDMr1ovX1Vuou53DVI3AB6fpK1zNf7HLNNHOGU7/6YCQBZULaqXhslyIY3/sQlPVdxD4L/67/mrDoRevtmrJ5j3WQAYHCaSysnPSbfhVz2Y1g3AH+62U9ITD6/qPaP1ZaTC30G9ToalUTDoE8Krk2PO79z5A23bqRI7/sfJDlRzVlOvPX+/";
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::testing::RSA;
    use super::*;

    fn refusal(text: &str) -> String {
        let fault = public_key(text).unwrap_err();
        format!("{}\n    {}", fault.sentence, fault.hint)
    }

    #[test]
    fn a_public_rsa_key_is_what_it_takes() {
        assert_eq!(public_key(&format!("  {RSA} a comment\n")), Ok(RSA.into()));
    }

    #[test]
    fn windows_takes_no_other_kind_of_key() {
        assert_snapshot!(refusal("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMUo6R3MBi9+pHDEZMF9AP5huLt7PlpxRxVRuiV9mfqt"), @r"
        This is an ED25519 key: for Windows, EC2 takes RSA keys only
            make one with: ssh-keygen -t rsa -b 4096
        ");
        assert_snapshot!(refusal("ecdsa-sha2-nistp256 AAAA"), @r"
        This is an ECDSA key: for Windows, EC2 takes RSA keys only
            make one with: ssh-keygen -t rsa -b 4096
        ");
        assert_snapshot!(refusal("sk-ssh-ed25519@openssh.com AAAA"), @r"
        This is a security key: for Windows, EC2 takes RSA keys only
            make one with: ssh-keygen -t rsa -b 4096
        ");
        assert_snapshot!(refusal("ssh-dss AAAA"), @r"
        This is a DSA key: for Windows, EC2 takes RSA keys only
            make one with: ssh-keygen -t rsa -b 4096
        ");
        assert_snapshot!(refusal("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCWwOQKYUDA7IgE/tLMpsrIBE+k+t11DfJNisDllY60uYC5GgjJF9V+v9PwAXW5jThlILcjTNDYzxux7aqo+lrIZ6fSWcsw0CJdzAj7/7ccxqoMAsxkT6ZczcmuFo2LnieVLkaCP8qGVqzZ35H8RkCynymph9Q7alHiF7Uo26XZSQ=="), @r"
        This RSA key has 1024 bits; 2048 to 4096 are needed
            make one with: ssh-keygen -t rsa -b 4096
        ");
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        assert_snapshot!(refusal("c2VjcmV0"), @r#"
        This is not a public RSA key in OpenSSH's form
            it is one line, "ssh-rsa AAAA…": `ssh-keygen -y -f FILE` prints it from the private key
        "#);
        assert_eq!(refusal("-----BEGIN PUBLIC KEY-----\nAAAA"), refusal("c2VjcmV0"));
        assert_eq!(refusal(&RSA[..RSA.len() - 4]), refusal(""));
        assert_snapshot!(refusal("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0"), @r"
        This is a private key
            give the public one: `ssh-keygen -y -f FILE` prints it
        ");
    }

    #[test]
    fn private_keys_are_found_among_other_things() {
        let text = "a\n# -----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY----- y\nz PuTTY-User-Key-File-3: ssh-rsa";
        let found: Vec<&str> = private_keys(text).into_iter().map(|key| &text[key]).collect();
        let first = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY----- y";
        assert_eq!(found, [first, "PuTTY-User-Key-File-3: ssh-rsa"]);
        assert!(private_keys("-----BEGIN PUBLIC KEY-----").is_empty());
        for form in ["---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", "-----BEGIN PGP PRIVATE KEY BLOCK-----"] {
            let text = format!("a\n{form}\nx\n{}\nb", form.replace("BEGIN", "END"));
            let found: Vec<&str> = private_keys(&text).into_iter().map(|key| &text[key]).collect();
            assert_eq!(found, [&text[2..text.len() - 2]]);
        }
    }

    #[test]
    fn private_keys_are_known_by_their_first_bytes_too() {
        for key in ["b3BlbnNzaC1rZXktdjEAAAAA", "MIIEowIBAAKCAQEA", "MIIEvQIBADANBgkq", "MC4CAQAwBQYDK2Vw"] {
            let text = format!("a = \"\"\"\n{key}\nc2VjcmV0\n  c2Vj==\n\"\"\"\nb = \"{key}\"\nc = 1");
            let found: Vec<&str> = private_keys(&text).into_iter().map(|key| &text[key]).collect();
            assert_eq!(found, [format!("{key}\nc2VjcmV0\n  c2Vj=="), format!("{key}\"")]);
            assert!(public_key(key).unwrap_err().sentence.contains("private key"));
        }
        // A public key and a certificate, in DER.
        assert!(private_keys("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A MIIDXTCCAkWgAwIBAgIJ").is_empty());
        assert!(private_keys(RSA).is_empty());
    }
}
