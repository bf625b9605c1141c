"""Shows Flume with a real language model on any machine: ``make demo``. No part of the wheel; tests use its model server, too."""
