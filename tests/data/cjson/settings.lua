function run()
    local names = {}
    for k, v in pairs(cjson) do names[#names + 1] = k .. ":" .. type(v) end
    try("order", function() return table.concat(names, " ") end)
    for _, name in ipairs({"encode_sparse_array", "encode_max_depth", "decode_max_depth", "encode_number_precision", "encode_invalid_numbers", "decode_invalid_numbers", "decode_null"}) do
        local f = cjson[name]
        try(name, f)
        for _, v in ipairs({true, false, 0, 1, 2, 17, 18, -1, 1.9, 2^31 - 1, 2^31, 2^32 + 5, 1e10, "5", "x", "on", "off", "null", "on\0x", {}, cjson.null}) do try(name .. " " .. show(v), f, v) end
        try(name .. " nil", f, nil)
        try(name .. " nil nil nil", f, nil, nil, nil)
        try(name .. " 1 2 3 4", f, 1, 2, 3, 4)
        try(name .. " true 3", f, true, 3)
        try(name .. " true 3 4", f, true, 3, "4")
        try(name .. " false x", f, false, "x")
        try(name .. " off nil -1", f, "off", nil, -1)
        try(name .. " nil 7 8", f, nil, 7, 8)
    end
    cjson.encode_number_precision(14)
    try("version", function() return cjson._NAME, cjson._VERSION, cjson.null end)
    try("same", function() return require("cjson") == cjson end)
end
