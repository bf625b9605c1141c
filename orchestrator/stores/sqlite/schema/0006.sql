-- read_items: the few that failed among very many. An item that completes is not in it, and costs nothing more to write.
CREATE INDEX failed_items ON loop_items (run_id, loop, position) WHERE status = 'failed';
