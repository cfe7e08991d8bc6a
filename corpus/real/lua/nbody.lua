-- nbody.lua - corpus/real/nbody.ore, `energy_after`, for LuaJIT.
local ffi = require("ffi")
local sqrt = math.sqrt
local BODIES = 5
local SOLAR = 4 * 3.141592653589793 * 3.141592653589793
local DAYS = 365.24
-- The Sun, Jupiter, Saturn, Uranus, Neptune.
local start_position = ffi.new("double[15]", {
  0, 0, 0,
  4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01,
  8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01,
  1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01,
  1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01 })
local start_velocity = ffi.new("double[15]", {
  0, 0, 0,
  1.66007664274403694e-03 * DAYS, 7.69901118419740425e-03 * DAYS, -6.90460016972063023e-05 * DAYS,
  -2.76742510726411554e-03 * DAYS, 4.99852801234917238e-03 * DAYS, 2.30417297573763929e-05 * DAYS,
  2.96460137564761618e-03 * DAYS, 2.37847173959480950e-03 * DAYS, -2.96589568540237556e-05 * DAYS,
  2.68067772490389322e-03 * DAYS, 1.62824170038242295e-03 * DAYS, -9.51592254519715870e-05 * DAYS })
local mass = ffi.new("double[5]", {
  SOLAR, 9.54791938424326609e-04 * SOLAR, 2.85885980666130812e-04 * SOLAR, 4.36624404335156298e-05 * SOLAR,
  5.15138902046611451e-05 * SOLAR })
local position = ffi.new("double[15]")
local velocity = ffi.new("double[15]")

local function begin()
  ffi.copy(position, start_position, 15 * 8)
  ffi.copy(velocity, start_velocity, 15 * 8)
  for k = 0, 2 do
    local momentum = 0.0
    for p = 0, BODIES - 1 do momentum = momentum + velocity[3 * p + k] * mass[p] end
    velocity[k] = -momentum / mass[0]
  end
end

local function distance_squared(p, q)
  local x = position[3 * p] - position[3 * q]
  local y = position[3 * p + 1] - position[3 * q + 1]
  local z = position[3 * p + 2] - position[3 * q + 2]
  return x * x + y * y + z * z
end

local function energy()
  local e = 0.0
  for p = 0, BODIES - 1 do
    local v = velocity + 3 * p
    e = e + 0.5 * mass[p] * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    for q = p + 1, BODIES - 1 do e = e - mass[p] * mass[q] / sqrt(distance_squared(p, q)) end
  end
  return e
end

local function advance(dt)
  for p = 0, BODIES - 1 do
    for q = p + 1, BODIES - 1 do
      local dd = distance_squared(p, q)
      local magnitude = dt / (dd * sqrt(dd))
      for k = 0, 2 do
        local d = position[3 * p + k] - position[3 * q + k]
        velocity[3 * p + k] = velocity[3 * p + k] - d * (mass[q] * magnitude)
        velocity[3 * q + k] = velocity[3 * q + k] + d * (mass[p] * magnitude)
      end
    end
  end
  for i = 0, 14 do position[i] = position[i] + dt * velocity[i] end
end

local function energy_after(steps)
  begin()
  for _ = 1, steps do advance(0.01) end
  return energy()
end

return { call = energy_after, result = "f64" }
