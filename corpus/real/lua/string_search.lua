-- string_search.lua - corpus/real/string_search.ore, `everywhere`, for LuaJIT.
local ffi, bit = require("ffi"), require("bit")
local MOST, LONGEST = 60000, 64
local text = ffi.new("uint8_t[?]", MOST)
local pattern = ffi.new("uint8_t[?]", LONGEST)

local function generate(n, m, from)
  assert(n <= MOST and m >= 1 and m <= LONGEST and m <= n)
  local x = bit.tobit(2463534242)
  for i = 0, n - 1 do
    x = bit.band(bit.tobit((x + 0LL) * 1103515245LL + 12345LL), 0x7fffffff)
    text[i] = 97 + bit.rshift(x, 16) % 3
  end
  for i = 0, m - 1 do pattern[i] = text[from + i] end
end

local function everywhere(n, m, from)
  generate(n, m, from)
  local count = 0
  for at = 0, n - m do
    local i = 0
    while i < m and text[at + i] == pattern[i] do i = i + 1 end
    if i == m then count = count + 1 end
  end
  return count
end

return { call = everywhere, result = "i32" }
