//! What `getaddrinfo` takes for a numeric address, without asking the system.
//!
//! IPv4 as `inet_aton` reads it: one to four parts, decimal, octal or hexadecimal, the last filling all bytes that are
//! left. IPv6 with a scope, of which only numbers are known: names of interfaces are the machine's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address, `None` for `Name or service not known`.
pub fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(address) = ipv4(text) {
        return Some(IpAddr::V4(address));
    }
    let (address, scope) = text.split_once('%').map_or((text, None), |(it, scope)| (it, Some(scope)));
    if scope.is_some_and(|it| !is_number(it) || it.parse::<u32>().is_err()) {
        return None;
    }
    Some(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}

fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(part).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|&it| it > 0xff) {
        return None;
    }
    let left = 32 - 8 * first.len() as u32;
    if left < 32 && last >> left != 0 {
        return None;
    }
    let high = first.iter().fold(0, |sum, it| sum << 8 | it);
    Some(Ipv4Addr::from_bits(if left < 32 { high << left | last } else { *last }))
}

fn part(text: &str) -> Option<u32> {
    if !text.starts_with(|it: char| it.is_ascii_digit()) {
        return None;
    }
    let (digits, radix) = match text.strip_prefix('0') {
        None | Some("") => (text, 10),
        Some(rest) => match rest.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => (hexadecimal, 16),
            None => (rest, 8),
        },
    };
    // A sign is a digit to `from_str_radix`.
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}
