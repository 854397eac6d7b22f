require "string"
require "table"
local function show(v)
    if type(v) == "string" then
        return '"' .. v:gsub("[^\32-\126]", function(c) return string.format("\\%03d", c:byte()) end) .. '"'
    elseif type(v) == "number" then
        return string.format("%.17g", v)
    end
    return type(v) == "boolean" and tostring(v) or type(v)
end
local function line(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = show((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end
local seed = 42
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
end
require "math"
require "lfs"
local function listing(path)
    local names = {}
    for name in lfs.dir(path) do names[#names + 1] = name end
    table.sort(names)
    return unpack(names)
end

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local keys = {}
    for k in pairs(lfs) do keys[#keys + 1] = k end
    line("order", unpack(keys))
    line("about", lfs._COPYRIGHT, lfs._DESCRIPTION, lfs._VERSION)
    line("tree", listing("tree"))
    line("tree", listing("tree/"))
    line("deeper", listing("tree/deeper"))
    for _, name in ipairs{"attributes", "symlinkattributes"} do
        local f = lfs[name]
        for _, path in ipairs{"tree/file", "tree/empty", "tree", "tree/none", "", "tree/file/x", "/dev/null", ("x"):rep(300)} do
            try(name .. " mode", f, path, "mode")
            local ok, size = pcall(f, path, "size")
            line("size", ok, path ~= "tree" and size or type(size))
            for _, member in ipairs{"dev", "ino", "nlink", "uid", "gid", "rdev", "access", "modification", "change", "permissions",
                "blocks", "blksize"} do
                line(member, type(f(path, member)))
            end
            local t, text = f(path)
            if t then
                local members = {}
                for k in pairs(t) do members[#members + 1] = k end
                line("members", unpack(members))
                line("values", t.mode, path ~= "tree" and t.size or nil, #t.permissions, t.target)
            else
                line("error", text)
            end
        end
        local mine = {mode = "old", other = 5}
        line("table", f("tree/file", mine) == mine, mine.mode, mine.other, mine.size)
        try("member", f, "tree/file", "nothing")
        try("member", f, "tree/file", 5)
        try("member", f, "tree/file", true)
        try("member", f, "tree/file", "size\0x")
        try("nul", f, "tree/file\0x", "size")
        try("extra", f, "tree/file", "size", 1, 2)
        try("none", f)
        try("table path", f, {})
        try("where", function() f("tree/file", "nothing") end)
    end
    try("target", lfs.symlinkattributes, "tree/file", "target")
    try("target", lfs.symlinkattributes, "tree/none", "target")
    try("target", lfs.symlinkattributes, nil, "target")
    try("dir", lfs.dir, "tree/none")
    try("dir", lfs.dir, "tree/file")
    try("dir", lfs.dir)
    try("where", function() lfs.dir("none") end)
    local f, d = lfs.dir("tree")
    line("types", type(f), type(d), type(f(d)))
    try("next", d.next, {})
    try("next", f)
    try("next", f, "x")
    line("method", type(d:next()))
    line("close", d:close())
    line("close", d:close())
    try("closed", f, d)
    try("closed", d.next, d)
    f, d = lfs.dir("tree/deeper")
    while f(d) do end
    try("ended", f, d)
    d:close()
    keys = {}
    for k in pairs(getmetatable(d)) do keys[#keys + 1] = k end
    table.sort(keys)
    line("metatable", unpack(keys))
    line("going", lfs.currentdir():sub(1, 1), lfs.chdir("tree"))
    line("there", lfs.currentdir():match("[^/]*$"), listing("."))
    line("there", lfs.attributes("file", "size"), lfs.attributes("tree/file", "size"))
    line("deeper", lfs.chdir("deeper"), lfs.currentdir():match("[^/]*/[^/]*$"))
    line("up", lfs.chdir("../.."), lfs.attributes("tree/file", "size"))
    try("chdir", lfs.chdir, "none")
    try("chdir", lfs.chdir, "tree/file")
    try("chdir", lfs.chdir, "")
    try("chdir", lfs.chdir)
    line("mkdir", lfs.mkdir("tree"))
    line("mkdir", lfs.mkdir("none/x"))
    line("mkdir", lfs.mkdir("tree/file/x"))
    line("mkdir", lfs.mkdir(""))
    try("mkdir", lfs.mkdir)
    line("rmdir", lfs.rmdir("none"))
    line("rmdir", lfs.rmdir("tree"))
    line("rmdir", lfs.rmdir("tree/file"))
    try("rmdir", lfs.rmdir)
    line("touch", lfs.touch("none"))
    line("touch", lfs.touch("none", 5, 6))
    line("touch", lfs.touch(""))
    try("touch", lfs.touch, "none", "x")
    try("touch", lfs.touch, "none", 1, "x")
    try("touch", lfs.touch)
    line("link", lfs.link("none", "tree/new"))
    line("link", lfs.link("tree/file", "tree/empty"))
    line("link", lfs.link("tree/file", "tree/empty", true))
    line("link", lfs.link("tree/file", "none/x", true))
    try("link", lfs.link, "tree/file")
    try("link", lfs.link)
    line("lock_dir", lfs.lock_dir("none"))
    try("lock_dir", lfs.lock_dir)
    for _, name in ipairs{"lock", "unlock", "setmode"} do
        try(name, lfs[name])
        try(name, lfs[name], nil)
        try(name, lfs[name], "x", "r")
        try(name, lfs[name], {}, "w")
        try(name, lfs[name], d, "w")
    end
    inject_payload("txt", "result")
end
