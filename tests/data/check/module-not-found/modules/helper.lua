require "string"
require "deeper"
local M = {}
function M.count() return string.len("x") end
helper = M
return M
