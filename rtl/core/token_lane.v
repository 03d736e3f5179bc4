// token_lane: the arithmetic of one token: one operand a clock into an accumulator, and the way out of a finished row.
//
//   step = scalar - operand, made positive if absolute_i, 0 if skipped, or if negative and threshold_i
//   sum  = sum (doubled if double_i) | start +- step
//
// With the scalar 0 that adds operands (linear, norm), with a key's feature it adds |q - k| (score), with a value's
// magnitude and the score as operand max(|v| - z', 0) (inhibit). Stage numbers are those of row_engine.v; the
// control inputs come from registers that eight lanes share.
//
// The norm: normalise_i moves the sum left until bit 23 is its leading one, and counts the shift down from the one
// loaded; recall_i then keeps the reciprocal R = 15 13 12 11 10 10 9 8 of the three bits behind. Its lower bits
// decide which of the later steps count (times_i).
`default_nettype none

module token_lane (
    input  wire        clk_i,
    // Operand, from 4 to 5.
    input  wire [ 7:0] a_i,
    input  wire [15:0] s_i,
    input  wire        from_a_i,
    // At 5.
    input  wire [ 8:0] scalar_i,
    input  wire        skip_i,
    input  wire        threshold_i,
    input  wire        absolute_i,
    input  wire        negate_i,
    input  wire [ 2:0] times_i,
    // At 6.
    input  wire        step_i,
    input  wire        double_i,
    input  wire        last_i,      // the row is complete
    input  wire        clear_i,     // the next row starts from 0
    input  wire [23:0] start_i,     // 0 but in the first step of a row
    input  wire        normalise_i,
    input  wire        recall_i,
    input  wire        load_i,
    input  wire [ 4:0] shift_i,
    // Way out.
    input  wire [ 1:0] byte_i,      // at 9
    input  wire        add_residual_i,
    input  wire        centre_i,
    input  wire        raw_i,
    input  wire        relu_i,
    input  wire        mask_i,
    input  wire [16:7] high_i,
    input  wire [ 3:0] segment_i,   // of this lane
    input  wire [ 4:0] key_i,       // at 10: {real, segment} of the row's key
    input  wire        forget_i,
    input  wire        track_i,     // at 13: the row is a key's score
    output wire [15:0] y_o          // at 13
);
  // The low bits of R; the fourth is always set.
  function [2:0] reciprocal;
    input [2:0] mantissa;
    case (mantissa)
      3'd0: reciprocal = 3'd7;
      3'd1: reciprocal = 3'd5;
      3'd2: reciprocal = 3'd4;
      3'd3: reciprocal = 3'd3;
      3'd4: reciprocal = 3'd2;
      3'd5: reciprocal = 3'd2;
      3'd6: reciprocal = 3'd1;
      default: reciprocal = 3'd0;
    endcase
  endfunction

  // ---- Operand (5) and step (6).
  reg [15:0] operand_q;
  reg [16:0] step_q;
  reg negate_q;
  reg [2:0] reciprocal_q;
  wire [16:0] difference = {{8{scalar_i[8]}}, scalar_i} - {operand_q[15], operand_q};
  wire kill = skip_i || (threshold_i && difference[16]) || (times_i & ~reciprocal_q) != 3'd0;

  always @(posedge clk_i) begin
    operand_q <= from_a_i ? {{8{a_i[7]}}, a_i} : s_i;
    if (kill) step_q <= 17'd0;
    else step_q <= difference;
    negate_q <= negate_i || (absolute_i && difference[16]);
  end

  // ---- Sum (7).
  reg [23:0] sum_q, result_q;
  reg [4:0] shift_q;
  wire [23:0] sum;
  wire hold = normalise_i && sum_q[23];

  add_subtract #(
      .Width(24)
  ) u_sum (
      .a_i((double_i ? {sum_q[22:0], 1'b0} : sum_q) | start_i),
      .b_i({{7{step_q[16]}}, step_q}),
      .subtract_i(negate_q),
      .y_o(sum)
  );

  always @(posedge clk_i) begin
    if (clear_i) sum_q <= 24'd0;
    else if (step_i && !hold) sum_q <= sum;
    if (last_i) result_q <= sum;
    if (recall_i) reciprocal_q <= reciprocal(sum_q[22:20]);
    if (load_i) shift_q <= shift_i;
    else if (normalise_i && !hold && shift_q != 5'd0) shift_q <= shift_q - 5'd1;
  end

  // ---- Way out (8 to 13), and the smallest score of the sentence's own keys.
  reg [13:11] differs_q;
  reg [14:0] minimum_q;

  always @(posedge clk_i) begin
    differs_q <= {differs_q[12:11], key_i != {1'b1, segment_i}};
    if (forget_i) minimum_q <= 15'h7fff;
    else if (track_i && !differs_q[13] && y_o[14:0] < minimum_q) minimum_q <= y_o[14:0];
  end

  lane_output u_output (
      .clk_i(clk_i),
      .result_i(result_q),
      .shift_i(shift_q),
      .byte_i(byte_i),
      .residual_i(s_i),
      .minimum_i(minimum_q),
      .differs_i(differs_q[11]),
      .add_residual_i(add_residual_i),
      .centre_i(centre_i),
      .raw_i(raw_i),
      .relu_i(relu_i),
      .mask_i(mask_i),
      .high_i(high_i),
      .y_o(y_o)
  );
endmodule

`default_nettype wire
