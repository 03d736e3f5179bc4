// dot_lane_group: eight lanes of the dot-product baseline and the registers of their control (lane_group.v).
`default_nettype none

module dot_lane_group #(
    parameter integer Hard = 0
) (
    input  wire         clk_i,
    input  wire [ 63:0] a_i,          // at 4
    input  wire [127:0] s_i,          // at 4; for the residual at 12
    input  wire [ 31:0] segments_i,   // four bits a lane
    // Still during an operation.
    input  wire         from_a_i,
    input  wire         exponential_i,
    input  wire         pass_i,
    input  wire         add_residual_i,
    input  wire         centre_i,
    input  wire         raw_i,
    input  wire         relu_i,
    input  wire         mask_i,
    input  wire         track_i,
    input  wire [ 16:7] high_i,
    input  wire [  4:0] shift_i,
    // Pulses.
    input  wire         load_i,
    input  wire         forget_i,
    // Pipelined.
    input  wire [  7:0] scalar_i,     // at 4
    input  wire         skip_i,       // at 6
    input  wire         absolute_i,   // at 6
    input  wire         negate_i,     // at 6
    input  wire [  2:0] times_i,      // at 6
    input  wire         step_i,       // at 7
    input  wire         double_i,     // at 7
    input  wire         last_i,       // at 7
    input  wire         clear_i,      // at 7
    input  wire         normalise_i,  // at 7
    input  wire         recall_i,     // at 7
    input  wire [ 23:0] start_even_i, // at 7: of lanes 0, 2, 4, 6
    input  wire [ 23:0] start_odd_i,  // at 7
    input  wire [  1:0] byte_i,       // at 10
    input  wire [  4:0] key_i,        // at 11
    input  wire         row_i,        // at 14
    output wire [127:0] y_o           // at 15
);
  (* keep *) reg from_a_q, exponential_q, pass_q, add_residual_q, centre_q, raw_q, relu_q, mask_q, track_q;
  (* keep *) reg [16:7] high_q;
  (* keep *) reg [4:0] shift_q;
  (* keep *) reg load_q, forget_q;
  (* keep *) reg [7:0] scalar_q;
  (* keep *) reg skip_q, absolute_q, negate_q;
  (* keep *) reg [2:0] times_q;
  (* keep *) reg step_q, double_q, last_q, clear_q, normalise_q, recall_q;
  (* keep *) reg [23:0] start_even_q, start_odd_q;
  (* keep *) reg [1:0] byte_q;
  (* keep *) reg [4:0] key_q;

  always @(posedge clk_i) begin
    from_a_q       <= from_a_i;
    exponential_q  <= exponential_i;
    pass_q         <= pass_i;
    add_residual_q <= add_residual_i;
    centre_q       <= centre_i;
    raw_q          <= raw_i;
    relu_q         <= relu_i;
    mask_q         <= mask_i;
    high_q         <= high_i;
    shift_q        <= shift_i;
    load_q         <= load_i;
    forget_q       <= forget_i;
    scalar_q       <= scalar_i;
    skip_q         <= skip_i;
    absolute_q     <= absolute_i;
    negate_q       <= negate_i;
    times_q        <= times_i;
    step_q         <= step_i;
    double_q       <= double_i;
    last_q         <= last_i;
    clear_q        <= clear_i;
    normalise_q    <= normalise_i;
    recall_q       <= recall_i;
    start_even_q   <= start_even_i;
    start_odd_q    <= start_odd_i;
    byte_q         <= byte_i;
    key_q          <= key_i;
    track_q        <= track_i && row_i;
  end

  genvar i;
  generate
    for (i = 0; i < 8; i = i + 1) begin : g_lane
      dot_lane #(
          .Hard(Hard)
      ) u_lane (
          .clk_i(clk_i),
          .a_i(a_i[8*i+:8]),
          .s_i(s_i[16*i+:16]),
          .from_a_i(from_a_q),
          .exponential_i(exponential_q),
          .scalar_i(scalar_q),
          .pass_i(pass_q),
          .skip_i(skip_q),
          .absolute_i(absolute_q),
          .negate_i(negate_q),
          .times_i(times_q),
          .step_i(step_q),
          .double_i(double_q),
          .last_i(last_q),
          .clear_i(clear_q),
          .start_i(i % 2 == 0 ? start_even_q : start_odd_q),
          .normalise_i(normalise_q),
          .recall_i(recall_q),
          .load_i(load_q),
          .shift_i(shift_q),
          .byte_i(byte_q),
          .add_residual_i(add_residual_q),
          .centre_i(centre_q),
          .raw_i(raw_q),
          .relu_i(relu_q),
          .mask_i(mask_q),
          .high_i(high_q),
          .segment_i(segments_i[4*i+:4]),
          .key_i(key_q),
          .forget_i(forget_q),
          .track_i(track_q),
          .y_o(y_o[16*i+:16])
      );
    end
  endgenerate
endmodule

`default_nettype wire
