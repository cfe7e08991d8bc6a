-- mandelbrot.lua - corpus/real/mandelbrot.ore, `steps`, for LuaJIT.
local function escape(cx, cy, limit)
  local x, y, i = 0.0, 0.0, 0
  while i < limit and x * x + y * y <= 4 do
    local following = x * x - y * y + cx
    y = x * y * 2 + cy
    x = following
    i = i + 1
  end
  return i
end

local function steps(size, limit)
  local scale = 3 / size
  local total = 0
  for row = 0, size - 1 do
    for column = 0, size - 1 do total = total + escape(column * scale - 2, row * scale - 1.5, limit) end
  end
  return total
end

return { call = steps, result = "i64" }
