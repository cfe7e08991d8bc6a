-- crc32.lua - corpus/real/crc32.ore, `tabled`, for LuaJIT.
local ffi, bit = require("ffi"), require("bit")
local band, bxor, bnot, rshift, tobit = bit.band, bit.bxor, bit.bnot, bit.rshift, bit.tobit
local MOST = 60000
local message = ffi.new("uint8_t[?]", MOST)
local tables = ffi.new("int32_t[256]")
local table_is_built = false

local function generate(n)
  assert(n <= MOST)
  local x = 12345
  for i = 0, n - 1 do
    x = tobit((x + 0LL) * 1103515245LL + 12345LL)
    message[i] = band(rshift(x, 16), 255)
  end
end

local function step(remainder)
  local r = remainder
  for _ = 0, 7 do
    if band(r, 1) ~= 0 then r = bxor(rshift(r, 1), 0xedb88320) else r = rshift(r, 1) end
  end
  return r
end

local function tabled(n)
  generate(n)
  if not table_is_built then
    for i = 0, 255 do tables[i] = step(i) end
    table_is_built = true
  end
  local crc = -1
  for i = 0, n - 1 do crc = bxor(tables[band(bxor(crc, message[i]), 255)], rshift(crc, 8)) end
  return bnot(crc)
end

return { call = tabled, result = "i32" }
