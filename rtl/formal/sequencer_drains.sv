// sequencer_drains: no operation begins while a row of the one before is on its way, so no row is read while it is written.
//
// sequencer, weight_steps, frame_loader and row_engine as the accelerator connects them: whenever an operation begins, from
// whatever source the steps of the last one came, no row is left in the pipeline between its last step and the memory.
// By induction, so for any program, any stalls, and resets at any time. Within an operation the
// compiler sees to it: docs/accelerator.md says which rows a program may not name.
`default_nettype none

module sequencer_drains (
    input wire         clk_i,
    input wire         rst_ni,
    input wire         run_i,
    input wire         next_valid_i,
    input wire [127:0] next_i,
    input wire         next_bad_i,
    input wire         entry_valid_i,
    input wire [  8:0] entry_i,
    input wire         bias_valid_i,
    input wire [ 31:0] tdata_i,
    input wire         tvalid_i,
    input wire         tlast_i,
    input wire         send_done_i,
    input wire [  2:0] last_key_i
);
  wire idle, start, load_active, load_begun, load_done, load_wrong, weights_active, row_end, starved, weights_wrong;
  wire counted_last, weight_last, load_row, send_active;
  wire [127:0] operation;
  (* hierconn *) wire [10:0] \sequencer.step0_q ;
  (* hierconn *) wire [10:0] \sequencer.step1_q ;
  (* hierconn *) wire \weights.last1_q ;
  (* hierconn *) wire \loader.row_q ;
  (* hierconn *) wire [12:3] \rows.last_q ;
  (* hierconn *) wire [1:0] \rows.write_q ;

  sequencer #(
      .Lanes(8),
      .Operations(64)
  ) sequencer (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .run_i(run_i),
      .idle_o(idle),
      .next_valid_i(next_valid_i),
      .next_i(next_i),
      .next_number_i(6'd0),
      .next_bad_i(next_bad_i),
      .next_code_i(4'd1),
      .start_o(start),
      .operation_o(operation),
      .load_active_o(load_active),
      .load_begun_i(load_begun),
      .load_done_i(load_done),
      .load_wrong_i(load_wrong),
      .load_valid_i(tvalid_i),
      .weights_active_o(weights_active),
      .weights_row_end_i(row_end),
      .weights_starved_i(starved),
      .weights_exhausted_i(1'b0),
      .weights_wrong_i(weights_wrong),
      .send_active_o(send_active),
      .send_done_i(send_active && send_done_i),
      .send_waiting_i(1'b0),
      .last_key_i(last_key_i),
      .last_o(counted_last)
  );

  weight_steps weights (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .start_i(start),
      .active_i(weights_active),
      .classify_i(operation[3:0] == 4'd3),
      .source_i(operation[59:48]),
      .inputs_i(operation[123:112]),
      .row_end_o(row_end),
      .starved_o(starved),
      .entry_valid_i(entry_valid_i),
      .entry_i(entry_i),
      .bias_valid_i(bias_valid_i),
      .bias_i(31'd0),
      .last_o(weight_last),
      .wrong_o(weights_wrong)
  );

  frame_loader #(
      .Lanes(8)
  ) loader (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .start_i(start),
      .active_i(load_active),
      .features_i(operation[123:112]),
      .shift_i(operation[23:21]),
      .begun_o(load_begun),
      .done_o(load_done),
      .wrong_o(load_wrong),
      .s_axis_tdata(tdata_i),
      .s_axis_tvalid(tvalid_i),
      .s_axis_tlast(tlast_i),
      .row_o(load_row)
  );

  // The rows' own pipeline; what the lanes add up plays no part.
  row_engine #(
      .Lanes(8),
      .Width(32)
  ) rows (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .start_i(start),
      .to_a_i(operation[5]),
      .to_s_i(operation[6]),
      .last_i(counted_last || weight_last || load_row)
  );

  // Rows under way, from their last step at 0 or 1 (where they come from) to the write at 13; then they can be read.
  wire coming = \sequencer.step0_q [4] || \sequencer.step1_q [4] || \weights.last1_q || \loader.row_q
      || counted_last || weight_last || load_row;
  wire under_way = coming || \rows.last_q != 10'd0 || \rows.write_q != 2'd0;
  reg past = 0;

  always @(posedge clk_i) past <= 1'b1;

  always @* begin
    assume (past || !rst_ni);
    if (past && (start || idle)) assert (!under_way);
  end
endmodule

`default_nettype wire
