-- base64.lua - corpus/real/base64.ore, `round_trip`, for LuaJIT.
local ffi, bit = require("ffi"), require("bit")
local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local MOST = 12000
local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local letters = ffi.new("uint8_t[65]", ALPHABET)
local bytes = ffi.new("uint8_t[?]", MOST + 4)
local text = ffi.new("uint8_t[?]", MOST * 2)
local decoded = ffi.new("uint8_t[?]", MOST + 4)
local values = ffi.new("uint8_t[256]")
local PAD = string.byte("=")

local function generate(n)
  assert(n >= 0 and n <= MOST)
  for i = 0, n - 1 do bytes[i] = band(i * i * 31 + i, 255) end
  for i = n, n + 2 do bytes[i] = 0 end
end

local function encode(n)
  local out, i = 0, 0
  while i < n do
    local three = bor(lshift(bytes[i], 16), lshift(bytes[i + 1], 8), bytes[i + 2])
    for k = 0, 3 do text[out + k] = i + k > n and PAD or letters[band(rshift(three, 18 - 6 * k), 63)] end
    out = out + 4
    i = i + 3
  end
  return out
end

local function value_of(at)
  local value = values[text[at]]
  if value == 255 then error({ at = at }) end
  return value
end

local function decode(length)
  ffi.fill(values, 256, 255)
  for i = 0, 63 do values[letters[i]] = i end
  local out = 0
  for group = 0, math.floor(length / 4) - 1 do
    local at = 4 * group
    local high = bor(lshift(value_of(at), 18), lshift(value_of(at + 1), 12))
    decoded[out] = band(rshift(high, 16), 255)
    out = out + 1
    if text[at + 2] == PAD then break end
    local middle = bor(high, lshift(value_of(at + 2), 6))
    decoded[out] = band(rshift(middle, 8), 255)
    out = out + 1
    if text[at + 3] == PAD then break end
    decoded[out] = band(bor(middle, value_of(at + 3)), 255)
    out = out + 1
  end
  return out
end

local function round_trip(n, hole)
  generate(n)
  local length = encode(n)
  if hole >= 0 then text[hole] = string.byte("!") end
  local fine, got = pcall(decode, length)
  if not fine then return -got.at end
  if got ~= n then return 1000000 end
  local wrong = 0
  for i = 0, n - 1 do
    if bytes[i] ~= decoded[i] then wrong = wrong + 1 end
  end
  return wrong
end

return { call = round_trip, result = "i32" }
