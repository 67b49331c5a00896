//! Partitions of AWS: the public Regions, China, GovCloud, and those that stand apart from all others.

/// The prefix of a partition's Regions, its name, and what the names of its services end in:
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>.
const PARTITIONS: [(&str, &str, &str); 7] = [
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
];

/// The partition of a Region: `aws`, `aws-cn`, `aws-us-gov`.
pub fn partition(region: &str) -> &'static str {
    of(region).0
}

/// What the names of a Region's services end in.
pub fn dns_suffix(region: &str) -> &'static str {
    of(region).1
}

fn of(region: &str) -> (&'static str, &'static str) {
    let special = PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix));
    special.map_or(("aws", "amazonaws.com"), |(_, partition, suffix)| (partition, suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_says_its_partition() {
        let both = |region| (partition(region), dns_suffix(region));
        assert_eq!(both("eu-west-1"), ("aws", "amazonaws.com"));
        assert_eq!(both("cn-northwest-1"), ("aws-cn", "amazonaws.com.cn"));
        assert_eq!(both("us-gov-east-1"), ("aws-us-gov", "amazonaws.com"));
        assert_eq!(both("us-isob-east-1"), ("aws-iso-b", "sc2s.sgov.gov"));
        assert_eq!(both("eusc-de-east-1"), ("aws-eusc", "amazonaws.eu"));
    }
}
