-- sha256.lua - corpus/real/sha256.ore, `word`, for LuaJIT.
local ffi, bit = require("ffi"), require("bit")
local band, bor, bxor, bnot = bit.band, bit.bor, bit.bxor, bit.bnot
local lshift, rshift, ror, tobit = bit.lshift, bit.rshift, bit.ror, bit.tobit
local MOST = 20000
local message = ffi.new("uint8_t[?]", MOST + 128)
local state = ffi.new("int32_t[8]")
local schedule = ffi.new("int32_t[64]")

local function words(text)
  local out = {}
  for hex in text:gmatch("%x+") do out[#out + 1] = tobit(tonumber(hex, 16)) end
  return ffi.new("int32_t[?]", #out, out)
end
-- The first 32 bits of the fractions of the square roots of the first 8 primes, and of the cube roots of 64.
local first = words("6a09e667 bb67ae85 3c6ef372 a54ff53a 510e527f 9b05688c 1f83d9ab 5be0cd19")
local constants = words([[
  428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5
  d807aa98 12835b01 243185be 550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174
  e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa 5cb0a9dc 76f988da
  983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967
  27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85
  a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070
  19a4c116 1e376c08 2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3
  748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2]])

local function schedule_block(block)
  for i = 0, 15 do
    local at = block + 4 * i
    schedule[i] = bor(lshift(message[at], 24), lshift(message[at + 1], 16), lshift(message[at + 2], 8), message[at + 3])
  end
  for i = 16, 63 do
    local x, y = schedule[i - 15], schedule[i - 2]
    local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
    local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
    schedule[i] = tobit(schedule[i - 16] + s0 + schedule[i - 7] + s1)
  end
end

local function compress(block)
  schedule_block(block)
  local a, b, c, d = state[0], state[1], state[2], state[3]
  local e, f, g, h = state[4], state[5], state[6], state[7]
  for i = 0, 63 do
    local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
    local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
    local t1 = tobit(h + s1 + bxor(band(e, f), band(bnot(e), g)) + constants[i] + schedule[i])
    local t2 = tobit(s0 + bxor(band(a, b), band(a, c), band(b, c)))
    h, g, f, e = g, f, e, tobit(d + t1)
    d, c, b, a = c, b, a, tobit(t1 + t2)
  end
  state[0], state[1] = tobit(state[0] + a), tobit(state[1] + b)
  state[2], state[3] = tobit(state[2] + c), tobit(state[3] + d)
  state[4], state[5] = tobit(state[4] + e), tobit(state[5] + f)
  state[6], state[7] = tobit(state[6] + g), tobit(state[7] + h)
end

local function word(n, k)
  assert(n >= 0 and n <= MOST)
  local blocks = math.floor((n + 72) / 64)
  ffi.fill(message, blocks * 64)
  for i = 0, n - 1 do message[i] = band(i * 7, 255) end
  message[n] = 0x80
  for i = 0, 3 do message[64 * blocks - 1 - i] = band(rshift(n * 8, 8 * i), 255) end -- the length is below 2^32
  ffi.copy(state, first, 32)
  for i = 0, blocks - 1 do compress(64 * i) end
  return state[k]
end

return { call = word, result = "i32" }
