LuaQ
