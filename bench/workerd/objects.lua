-- wrk counts in one of the objects object-0 … object-(n-1), n from the environment.
local objects = tonumber(os.getenv("OBJECTS") or "1000")

function init(args)
  math.randomseed(os.time())
end

function request()
  return wrk.format("POST", "/object-" .. math.random(0, objects - 1))
end
