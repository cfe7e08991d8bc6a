-- fib.lua - corpus/real/fib.ore, `recursive`, for LuaJIT.
local function recursive(n)
  return n < 2 and n or recursive(n - 1) + recursive(n - 2)
end

return { call = recursive, result = "i32" }
