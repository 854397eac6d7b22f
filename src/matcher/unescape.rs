//! The unescaping that `lsb_heka_cat` applies to its `-m` argument before the matcher sees it.

/// Replaces the escapes of a Lua string (`\a \b \f \n \r \t \v \" \' \? \\ \ddd`); `None` for any other backslash or
/// a number above 255. Like every C string the text ends at its first NUL (`lua_sandbox` `src/util/string.c:24-83`).
pub fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.split(|&it| it == 0).next().unwrap_or_default();
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match rest.next()? {
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            quoted @ (b'"' | b'\'' | b'?' | b'\\') => quoted,
            digit @ b'0'..=b'9' => {
                let mut code = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.next_if(u8::is_ascii_digit) else { break };
                    code = 10 * code + u32::from(digit - b'0');
                }
                u8::try_from(code).ok()?
            }
            _ => return None,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::unescape;

    fn check(text: &[u8], expected: Option<&[u8]>) {
        assert_eq!(unescape(text).as_deref(), expected, "{}", text.escape_ascii());
    }

    #[test]
    fn escapes_are_those_of_lua() {
        check(b"", Some(b""));
        check(b"Type == 'x'", Some(b"Type == 'x'"));
        check(br"\a\b\f\n\r\t\v", Some(b"\x07\x08\x0c\n\r\t\x0b"));
        check(br#"\"\'\?\\"#, Some(b"\"'?\\"));
        check(br"\0\65\0651\255", Some(b"\0A\x411\xff"));
        check(br"\12a\1234", Some(b"\x0ca{4"));
        check(b"a\0b", Some(b"a"));
        check(b"\xff", Some(b"\xff"));
    }

    #[test]
    fn anything_else_behind_a_backslash_fails() {
        check(br"\d", None);
        check(br"\x41", None);
        check(br"\256", None);
        check(b"a\\", None);
        check(b"a\\\0", None);
    }
}
