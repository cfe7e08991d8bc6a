-- sieve.lua - corpus/real/sieve.ore, `main`, for LuaJIT.
local ffi = require("ffi")
local ROOM = 2 ^ 20
local composite = ffi.new("uint8_t[?]", ROOM)

local function main(n)
  assert(n <= ROOM)
  ffi.fill(composite, n)
  local count = 0
  for i = 2, n - 1 do
    if composite[i] == 0 then
      count = count + 1
      for j = i * i, n - 1, i do composite[j] = 1 end
    end
  end
  return count
end

return { call = main, result = "i32" }
