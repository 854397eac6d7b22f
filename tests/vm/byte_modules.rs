//! What the modules for bytes and files do where production's process would die, and what recorded cases cannot hold:
//! things that change the file system, or that depend on time.

use std::fs;

use crate::support::{create, full_message, on_deep_stack, process, text};

/// Runs `body` in a filter that tries to catch what ends it; its last words.
#[track_caller]
fn last_words(setup: &str, body: &str) -> String {
    let mut words = String::new();
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let script = format!(
            "{setup}\nfunction process_message()\npcall(function() {body} end)\nreturn 0\nend
            function timer_event() end"
        );
        let mut plugin = create(folder.path(), &script, "", None).expect("a plugin");
        let (status, _) = process(&mut plugin, &full_message());
        assert!(status > 0 && plugin.doom().is_some(), "{body} is survived");
        words = text(plugin.error());
    });
    words
}

#[test]
fn a_struct_that_reaches_outside_its_data_ends_the_filter() {
    for body in [
        "struct.pack('i2147483648', 1)",
        "struct.unpack('c4294967295', 'abc', 2)",
        "struct.unpack('dc0', struct.pack('d', -1))",
        "struct.unpack('c52', 'abc', -50)",
        "struct.unpack('I32', 'abc', -30)",
    ] {
        let words = last_words("require 'struct'", body);
        assert!(
            words.ends_with("production would crash here: struct reaches outside the data"),
            "{body}: {words}"
        );
    }
}

#[test]
fn a_number_of_digits_without_an_opposite_ends_the_filter() {
    let words = last_words("require 'bit'", "bit.tohex(1, -2^31)");
    assert!(words.ends_with("production would crash here: bit.tohex reads outside its text"), "{words}");
}

#[test]
fn formats_without_end_use_up_the_budget() {
    let words = last_words(
        "require 'struct' require 'string' long = (' '):rep(1e6)",
        "for i = 1, 1e6 do struct.size(long) end",
    );
    assert!(words.contains("production would hang here"), "{words}");
}

#[test]
fn padding_beyond_memory_is_refused_at_once() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let script = "require 'struct'
            function process_message()
                for _ = 1, 1000 do
                    local ok, text = pcall(struct.pack, 'x!1073741824i4294967295', 1)
                    if ok or text ~= 'not enough memory' then return 1, tostring(text) end
                end
                return 0
            end
            function timer_event() end";
        let mut plugin = create(folder.path(), script, "memory_limit = 1000000", None).expect("a plugin");
        fs::remove_file(folder.path().join("filter.lua")).expect("it is there");
        let (status, _) = process(&mut plugin, &full_message());
        assert_eq!((status, text(plugin.error())), (0, String::new()));
    });
}

#[test]
fn what_inflates_without_end_meets_the_memory_limit() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let script = "require 'zlib' require 'string'
            local deflate, parts, zeros = zlib.deflate(9), {}, ('\\0'):rep(1e5)
            for i = 1, 6 do parts[i] = deflate(zeros) end
            parts[7] = deflate()
            require 'table'
            bomb = table.concat(parts)
            zeros, parts, deflate = nil, nil, nil
            function process_message()
                for _ = 1, 5 do
                    local ok, text = pcall(zlib.inflate(), bomb)
                    if ok or text ~= 'not enough memory' then return 1, tostring(text) end
                end
                return 0
            end
            function timer_event() end";
        let mut plugin = create(folder.path(), script, "memory_limit = 500000", None).expect("a plugin");
        let before = plugin.snapshot().expect("nothing pins it");
        for _ in 0..2 {
            let (status, _) = process(&mut plugin, &full_message());
            assert_eq!((status, text(plugin.error())), (0, String::new()));
            plugin.restore(&before);
        }
    });
}

/// Production's memory has room for thousands of streams that are not collected yet; the arena has room for some.
#[test]
fn dropped_streams_make_room_for_new_ones() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let script = "require 'zlib' require 'string'
            text = ('some text '):rep(20)
            function process_message()
                for i = 1, 300 do
                    local packed = zlib.deflate()(text, 'sync')
                    local unpacked = zlib.inflate()(packed)
                    if unpacked ~= text then return 1, 'it comes out as something else' end
                end
                return 0
            end
            function timer_event() end";
        let mut plugin = create(folder.path(), script, "memory_limit = 3000000", None).expect("a plugin");
        for _ in 0..3 {
            let (status, _) = process(&mut plugin, &full_message());
            assert_eq!((status, text(plugin.error())), (0, String::new()));
        }
    });
}

#[test]
fn streams_that_are_kept_end_with_production_words() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let script = "require 'zlib' kept = {}
            function process_message()
                for i = 1, 1e5 do kept[i] = zlib.deflate() end
                return 0
            end
            function timer_event() end";
        let mut plugin = create(folder.path(), script, "memory_limit = 1000000", None).expect("a plugin");
        let (status, _) = process(&mut plugin, &full_message());
        assert_eq!(status, 1);
        let words = text(plugin.error());
        assert!(words.starts_with("process_message() OutOfMemory: not enough memory ("), "{words}");
    });
}

#[test]
fn compressing_without_end_uses_up_the_budget() {
    let words = last_words(
        "require 'zlib' require 'string' long = ('abc'):rep(1e6)",
        "for i = 1, 1e6 do zlib.deflate(1)(long, 'finish') end",
    );
    assert!(words.contains("production would hang here"), "{words}");
}

#[test]
fn a_checksum_of_a_negative_length_ends_the_filter() {
    let words = last_words("require 'zlib'", "zlib.crc32()(function() return 1, -1 end)");
    assert!(words.contains("production would hang here"), "{words}");
}

#[test]
fn open_files_pin_the_filter_until_they_are_closed() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        fs::write(folder.path().join("data"), "one\ntwo\nthree\n").expect("the folder is writable");
        let script = format!(
            "require 'gzfile' count = 0 name = [[{}/data]]
            function process_message()
                count = count + 1
                if count == 1 then file = gzfile.open(name) lines = file:lines() end
                if count == 3 then file:close() end
                if count == 4 then file = nil lines = nil left = gzfile.open(name) end
                add_to_payload(tostring(lines and lines()), gzfile.string(name)) inject_payload()
                return 0
            end
            function timer_event() end",
            folder.path().display()
        );
        let mut plugin = create(folder.path(), &script, "", None).expect("a plugin");
        let start = plugin.snapshot().expect("nothing is open yet");
        for (call, is_pinned) in [(1, true), (2, true), (3, false), (4, true)] {
            let (status, _) = process(&mut plugin, &full_message());
            assert_eq!((status, text(plugin.error())), (0, String::new()), "call {call}");
            assert_eq!(plugin.snapshot().is_err(), is_pinned, "call {call}");
        }
        // Going back gives back what is held.
        plugin.restore(&start);
        assert!(plugin.snapshot().is_ok_and(|it| it.difference(&start).is_none()));
        let (status, _) = process(&mut plugin, &full_message());
        assert_eq!((status, text(plugin.error())), (0, String::new()));
    });
}

#[test]
fn files_that_are_written_are_gzip_files() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let script = format!(
            "require 'gzfile'
            function process_message()
                local file = gzfile.open([[{0}/new]], 'wb')
                local line = file:lines()()
                file:close()
                return line == nil and gzfile.string([[{0}/new]]) == '' and 0 or 1
            end
            function timer_event() end",
            folder.path().display()
        );
        let mut plugin = create(folder.path(), &script, "", None).expect("a plugin");
        let (status, _) = process(&mut plugin, &full_message());
        assert_eq!((status, text(plugin.error())), (0, String::new()));
        let written = fs::read(folder.path().join("new")).expect("it is there");
        assert_eq!(&written[..3], b"\x1f\x8b\x08");
    });
}

/// What is appended to a file after its end has been read is read as well, whole lines only.
#[test]
fn the_tail_of_a_growing_file_is_followed() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("log");
        fs::write(&path, "one\ntw").expect("the folder is writable");
        let script = format!(
            "require 'gzfile' file = gzfile.open([[{}]]) tail = file:lines_tail(true)
            function process_message()
                for line in tail do add_to_payload('<', line, '>') end
                inject_payload()
                return 0
            end
            function timer_event() end",
            path.display()
        );
        let mut plugin = create(folder.path(), &script, "", None).expect("a plugin");
        for (append, expected) in [("", "<one>"), ("o\nthree", "<two>"), ("", ""), ("\n\n", "<three><>")] {
            let mut file = fs::OpenOptions::new().append(true).open(&path).expect("it is there");
            std::io::Write::write_all(&mut file, append.as_bytes()).expect("it is writable");
            let (status, heard) = process(&mut plugin, &full_message());
            assert_eq!((status, text(plugin.error())), (0, String::new()));
            let said = heard.messages.first().map(|it| text(it)).unwrap_or_default();
            assert!(said.contains(expected) && (!expected.is_empty() || !said.contains('<')), "{said:?}");
        }
    });
}

/// Runs `body` once with `folder` as a global; the payload it injected.
#[track_caller]
fn said(folder: &std::path::Path, setup: &str, body: &str) -> String {
    let mut words = String::new();
    on_deep_stack(|| {
        let scripts = tempfile::tempdir().expect("a scratch folder");
        let script = format!(
            "folder = [[{}]] {setup}
            local function say(...)
                for i = 1, select('#', ...) do add_to_payload(tostring((select(i, ...))), ';') end
            end
            function process_message() {body} inject_payload() return 0 end
            function timer_event() end",
            folder.display()
        );
        let mut plugin = create(scripts.path(), &script, "", None).expect("a plugin");
        let (status, heard) = process(&mut plugin, &full_message());
        assert_eq!((status, text(plugin.error())), (0, String::new()), "{body}");
        words = heard.messages.first().map(|it| text(it)).unwrap_or_default();
    });
    words
}

#[test]
fn files_and_folders_are_made_linked_and_removed() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("file"), "content").expect("the folder is writable");
    let words = said(
        folder.path(),
        "require 'lfs'",
        "say(lfs.chdir(folder), lfs.mkdir('made'), lfs.attributes('made', 'mode'))
        say(lfs.link('file', 'hard'), lfs.link('file', 'soft', true), lfs.link('none', 'loose', true))
        say(lfs.attributes('soft', 'mode'), lfs.symlinkattributes('soft', 'mode'), lfs.symlinkattributes('soft', 'target'))
        say(lfs.symlinkattributes('soft').target, lfs.attributes('hard', 'nlink'), lfs.attributes('loose'))
        say(lfs.touch('file', 1000, 2000), lfs.attributes('file', 'access'), lfs.attributes('file', 'modification'))
        say(lfs.touch('hard', 3000), lfs.attributes('file', 'modification'), lfs.touch('made'))
        local names = 0
        for name in lfs.dir('.') do names = names + 1 end
        say(names, lfs.rmdir('made'), lfs.attributes('made', 'mode') == nil)",
    );
    let expected = "true;true;directory;0;0;0;file;link;file;file;2;nil;\
        cannot obtain information from file 'loose': No such file or directory;\
        true;1000;2000;true;3000;true;7;true;true;";
    assert!(words.contains(expected), "{words}");
    assert_eq!(fs::read(folder.path().join("soft")).expect("it leads to the file"), b"content");
}

#[test]
fn a_folder_is_locked_until_the_lock_is_given_back() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let words = said(
        folder.path(),
        "require 'lfs'",
        "local lock = lfs.lock_dir(folder)
        say(type(lock), lfs.symlinkattributes(folder .. '/lockfile.lfs', 'target'))
        say(lfs.lock_dir(folder))
        say(lock:free(), lock:free())
        say(lfs.attributes(folder .. '/lockfile.lfs') == nil)
        kept = lfs.lock_dir(folder)",
    );
    assert!(words.contains("userdata;lock;nil;File exists;nil;true;"), "{words}");
    // The filter is gone, and its lock with it.
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

/// Going elsewhere is the filter's own matter: the process stays, and so does a filter that goes back in time.
#[test]
fn a_filter_goes_to_another_folder_alone() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::create_dir(folder.path().join("sub")).expect("the folder is writable");
    fs::write(folder.path().join("sub/file"), "content").expect("the folder is writable");
    let before = std::env::current_dir().expect("somewhere");
    on_deep_stack(|| {
        let script = format!(
            "require 'lfs' require 'gzfile' lfs.chdir([[{}]])
            function process_message()
                return lfs.chdir('sub') and gzfile.string('file') == 'content' and lfs.attributes('file', 'size') == 7 and 0 or 1
            end
            function timer_event() end",
            folder.path().display()
        );
        let mut plugin = create(folder.path(), &script, "", None).expect("a plugin");
        let start = plugin.snapshot().expect("nothing pins it");
        for _ in 0..3 {
            let (status, _) = process(&mut plugin, &full_message());
            assert_eq!((status, text(plugin.error())), (0, String::new()));
            plugin.restore(&start);
        }
    });
    assert_eq!(std::env::current_dir().expect("somewhere"), before);
}

#[test]
fn closing_what_is_no_folder_ends_the_filter() {
    for body in ["close()", "close({})", "close('x')", "close(lfs.lock_dir)"] {
        let setup = "require 'lfs' local f, d = lfs.dir('/') close = d.close d:close()";
        let words = last_words(setup, body);
        assert!(words.contains("production would crash here: lfs: close"), "{body}: {words}");
    }
}

#[test]
fn what_snappy_claims_is_not_believed() {
    on_deep_stack(|| {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let script = "require 'snappy' require 'string'
            -- A byte, and 10,000 times 64 of it.
            local long = '\\129\\136\\39\\0x' .. ('\\254\\1\\0'):rep(10000)
            function process_message()
                local _, text = pcall(snappy.uncompress, '\\255\\255\\255\\255\\15\\0x')
                if text ~= 'snappy: not enough memory.' then return 1 end
                _, text = pcall(snappy.uncompress, long)
                if text ~= 'not enough memory' then return 1 end
                return 0
            end
            function timer_event() end";
        let config = "memory_limit = 500000";
        let mut plugin = create(folder.path(), script, config, None).expect("a plugin");
        let before = plugin.snapshot().expect("nothing pins it");
        for _ in 0..2 {
            let (status, _) = process(&mut plugin, &full_message());
            assert_eq!((status, text(plugin.error())), (0, String::new()));
            plugin.restore(&before);
        }
    });
}
