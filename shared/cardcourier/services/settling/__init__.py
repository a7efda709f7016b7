"""What a pass does to bring units to rest, one module for each concern.

| module | what it decides |
|---|---|
| `work.py` | what a pass knows, and the small writes that every part of it makes |
| `holds.py` | what a line holds and why it, or the order, must wait for a person |
| `answers.py` | what a refund by amount ends, where nobody has to be asked |
| `units.py` | one unit: created, advanced from where it waits, or ended if it must |
| `cards.py` | which card a unit takes |
| `ends.py` | how a unit ends, whatever it is by now |
| `rooms.py` | which rooms need a timer, and whether anything is left to do |
"""
