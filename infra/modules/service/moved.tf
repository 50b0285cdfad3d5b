# A service had one function, whatever it did.
moved {
  from = module.function
  to   = module.handler[0]
}
