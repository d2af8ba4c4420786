-- Prelude: the calendar.
-- day_and_month(ms)  how many days and months have passed since the Unix epoch, in UTC
local function day_and_month(ms)
  local day, floor = math.floor(ms / 86400000), math.floor
  local z = day + 719468 -- since the 1st of March of the year 0, from which leap days come last
  local rest = z % 146097
  local year = floor((rest - floor(rest / 1460) + floor(rest / 36524) - floor(rest / 146096)) / 365)
  local of_year = rest - 365 * year - floor(year / 4) + floor(year / 100)
  local months = floor((5 * of_year + 2) / 153)
  return day, (year + floor(z / 146097) * 400 - 1970) * 12 + months + 2
end
