//! Names as Route 53 keeps them: lower case, a dot at the end, `*` as `\052`.

use super::ApiError;

/// The name as it is kept.
///
/// # Errors
/// `InvalidDomainName`
pub fn canonical(name: &str) -> Result<String, ApiError> {
    let name = name.to_ascii_lowercase().replace('*', "\\052");
    let bare = name.strip_suffix('.').unwrap_or(&name);
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_\\".contains(&byte);
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_letter);
    if bare.len() > 255 || !bare.split('.').all(is_label) {
        return Err(ApiError::new("InvalidDomainName", format!("{bare} is not a valid domain name.")));
    }
    Ok(format!("{bare}."))
}

/// What lists are sorted by: the labels, the last first.
pub fn sort_key(name: &str) -> Vec<&str> {
    name.trim_end_matches('.').rsplit('.').collect()
}

/// Whether a name is a zone's own or below it; both as they are kept.
pub fn is_within(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The name as resolvers read it: `*.example.com`.
pub fn as_asked(name: &str) -> String {
    name.trim_end_matches('.').replace("\\052", "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_in_one_form() {
        let kept = |name| canonical(name).ok();
        assert_eq!(kept("Api.Example.com").as_deref(), Some("api.example.com."));
        assert_eq!(kept("*.example.com.").as_deref(), Some("\\052.example.com."));
        assert_eq!(as_asked("\\052.example.com."), "*.example.com");
        for name in ["", "a..b", "a b.example.com", &format!("{}.com", "a".repeat(64))] {
            assert_eq!(kept(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_is_within_its_zone_by_whole_labels() {
        let within = ["example.com.", "a.example.com.", "anexample.com.", "com."];
        assert_eq!(within.map(|name| is_within(name, "example.com.")), [true, true, false, false]);
    }

    #[test]
    fn names_are_sorted_by_their_last_labels_first() {
        let mut names = ["b.example.com.", "a.z.example.com.", "example.com.", "z.example.com."];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(names, ["example.com.", "b.example.com.", "z.example.com.", "a.z.example.com."]);
    }
}
